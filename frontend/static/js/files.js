// Which files of a drop belong together: a folder is one checkpoint, shards are one, other files are one each.

/** @typedef {{ file: File, path: string }} Found */
/** @typedef {{ name: string, files: Found[] }} Group */

const WEIGHTS = /\.(safetensors|pt|pth|bin|ckpt)$/i;
const BESIDE = /(^|\/)([^/]*\.index\.json|config\.json|adapter_config\.json|trainer_state\.json|train(ing)?_arg(s|uments)\.json|args\.json|hparams\.json)$/i;
const NOT_WEIGHTS = /(^|\/)(optimizer|scheduler|training_args|rng_state)[^/]*$/i;
const SHARD = /-\d+-of-\d+\.|\.index\.json$/i;

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
    all.push(...some.filter((inner) => !inner.name.startsWith(".")));
  }
  return (await Promise.all(all.map(opened))).flat();
}

/**
 * Of a folder, what a checkpoint consists of: its weights (safetensors where there are both) and the descriptions
 * beside them. Everything where nothing looks like weights: the service goes by content.
 * @param {Found[]} files
 */
function chosen(files) {
  const weights = files.filter(({ path }) => WEIGHTS.test(path) && !NOT_WEIGHTS.test(path));
  const safe = weights.filter(({ path }) => /\.safetensors$/i.test(path));
  const kept = safe.length ? safe : weights;
  const index = files.filter(({ path }) => BESIDE.test(path) && !(safe.length && /\.bin\.index\.json$/i.test(path)));
  return kept.length ? [...kept, ...index] : files;
}

/**
 * @param {Found[]} files
 * @returns {Group[]}
 */
export function groups(files) {
  /** @type {Map<string, Found[]>} */
  const folders = new Map();
  /** @type {Found[]} */
  const loose = [];
  for (const found of files) {
    const top = found.path.includes("/") ? found.path.split("/")[0] : "";
    if (top) folders.set(top, [...(folders.get(top) ?? []), found]);
    else loose.push(found);
  }
  const whole = [...folders].map(([name, inner]) => ({ name, files: chosen(inner) }));
  const weights = loose.filter(({ path }) => !BESIDE.test(path));
  if (weights.length < 2 || loose.some(({ path }) => SHARD.test(path))) {
    return loose.length ? [...whole, { name: (weights[0] ?? loose[0]).path, files: loose }] : whole;
  }
  return [...whole, ...weights.map((found) => ({ name: found.path, files: [found] }))];
}
