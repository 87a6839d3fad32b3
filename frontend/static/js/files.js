// Which files of a drop belong together: a folder is one checkpoint, shards are one, other files are one each.

/** @typedef {{ file: File, path: string }} Found */
/** @typedef {{ name: string, called?: string, files: Found[], left_out: Record<string, string> }} Group called: by its owner */

/**
 * The table of which files are a checkpoint, as the service has it (analysis/formats/companions.py).
 * @typedef {{ kinds: { endings: string[], data: string[], instead: string }[], companions: string[], torch_index: string, training_state: Record<string, string> }} Table
 */

const METADATA = ".metadata"; // of torch.distributed.checkpoint: the one hidden file that is a part of a checkpoint
const SHARD = /-\d+-of-\d+\.|\.index\.json$|\.onnx[._]data|^consolidated[.-]\d+\.|mp_rank_\d+_?(model|optim)_states\.pt$|\.distcp$/i;

/** @param {string} path */
const base = (path) => path.slice(path.lastIndexOf("/") + 1).toLowerCase();

/** Whether a glob, whose only wildcard is the star, fits the whole name. @param {string} glob @param {string} name */
const fits = (glob, name) => new RegExp(`^${glob.replaceAll(".", "\\.").replaceAll("*", ".*")}$`).test(name);

/** @param {string} path @param {Table} table */
const companion = (path, table) => table.companions.some((glob) => fits(glob, base(path)));

/** What a training left there, if the file is such. @param {string} path @param {Table} table */
function state(path, table) {
  if (companion(path, table)) return undefined;
  return Object.entries(table.training_state).find(([glob]) => fits(glob, base(path)))?.[1];
}

/** The files of an input. @param {FileList | null} files @returns {Found[]} */
export const listed = (files) => [...(files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

/**
 * The files of a drop, folders opened.
 * @param {DataTransfer} transfer
 * @returns {Promise<Found[]>}
 */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry != null);
  if (!entries.length) return listed(transfer.files);
  return (await Promise.all(entries.map((entry) => opened(entry)))).flat();
}

/** @param {any} entry @returns {Promise<Found[]>} */
async function opened(entry) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) return [{ file: await new Promise((done, failed) => entry.file(done, failed)), path }];
  const reader = entry.createReader(), all = [];
  for (;;) { // a reader gives at most a hundred at a time
    /** @type {any[]} */
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) break;
    all.push(...some.filter((inner) => !inner.name.startsWith(".") || inner.name === METADATA));
  }
  return (await Promise.all(all.map(opened))).flat();
}

/**
 * Of a folder, what a checkpoint consists of, and what is left out with the reason. Everything where nothing looks like
 * weights: the service goes by content.
 * @param {string} name
 * @param {Found[]} files
 * @param {Table} table
 * @returns {Group}
 */
function choose(name, files, table) {
  const states = files.filter(({ path }) => state(path, table) !== undefined);
  /** @param {Found} found @param {{ endings: string[], data: string[] }} kind */
  const isOf = ({ path }, kind) => kind.endings.some((end) => base(path).endsWith(end)) || kind.data.some((glob) => fits(glob, base(path)));
  const weights = files.filter((found) => table.kinds.some((kind) => isOf(found, kind)) && !states.includes(found));
  const chosen = table.kinds.find((kind) => weights.some((found) => isOf(found, kind)));
  if (!chosen) return { name, files, left_out: {} };
  const taken = weights.filter((found) => isOf(found, chosen));
  const companions = files.filter(({ path }) => companion(path, table) && !(chosen === table.kinds[0] && base(path).endsWith(table.torch_index)));
  const left_out = Object.fromEntries([...weights, ...states].filter((found) => !taken.includes(found)).map(({ path }) => [path, state(path, table) ?? chosen.instead]));
  return { name, files: [...taken, ...companions], left_out };
}

/**
 * @param {Found[]} files
 * @param {Table} table
 * @returns {Group[]}
 */
export function groups(files, table) {
  /** @type {Map<string, Found[]>} */
  const folders = new Map();
  /** @type {Found[]} */
  const loose = [];
  for (const found of files) {
    const top = found.path.includes("/") ? found.path.split("/")[0] : "";
    if (top) folders.set(top, [...(folders.get(top) ?? []), found]);
    else loose.push(found);
  }
  const whole = [...folders].map(([name, inner]) => choose(name, inner, table));
  const weights = loose.filter(({ path }) => !companion(path, table));
  if (weights.length < 2 || loose.some(({ path }) => SHARD.test(path))) {
    return loose.length ? [...whole, { name: (weights[0] ?? loose[0]).path, files: loose, left_out: {} }] : whole;
  }
  return [...whole, ...weights.map((found) => ({ name: found.path, files: [found], left_out: {} }))];
}
