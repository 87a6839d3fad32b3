// Files sent in pieces, so that a lost connection, a pause or a reload costs one piece at most: tus 1.0.0, as much of it
// as a browser needs. What was begun is remembered in localStorage by the file's name, size and date.

const PIECE = 8 << 20; // bytes of one request
const FIRST_PAUSE = 1000, LAST_PAUSE = 30000; // milliseconds before a lost connection is tried again
const TUS = { "Tus-Resumable": "1.0.0" };
const AGAIN = [0, 408, 409, 423, 429, 500, 502, 503, 504]; // 0: no answer at all

export class Stopped extends Error {} // by the reader: no fault

export class Sending {
  /** @param {import("./files.js").Found[]} files @param {(sent: number, note: string) => void} moved */
  constructor(files, moved) {
    this.files = files;
    this.moved = moved;
    this.before = 0; // bytes of the files that are there
    this.at = 0; // bytes of the file in hand
    this.stopped = false;
    /** @type {XMLHttpRequest | null} */
    this.request = null;
    /** @type {(() => void) | null} */
    this.goOn = null;
    /** @type {Promise<void> | null} */
    this.paused = null;
  }

  /** Sends all of them. @returns {Promise<{ name: string, upload: string }[]>} what a checkpoint is made of */
  async run() {
    const sent = [];
    for (const found of this.files) {
      sent.push({ name: found.path, upload: await this.one(found) });
      this.before += found.file.size;
    }
    return sent;
  }

  pause() {
    this.paused ??= new Promise((done) => { this.goOn = done; });
    this.request?.abort();
  }

  resume() {
    this.paused = null;
    this.goOn?.();
  }

  /** Ends it for good; what had come is deleted. */
  stop() {
    this.stopped = true;
    this.request?.abort();
    this.resume();
  }

  /** Everything is a checkpoint now. */
  forget() {
    for (const found of this.files) localStorage.removeItem(key(found));
  }

  /** One file, whole. @param {import("./files.js").Found} found @returns {Promise<string>} its upload's id */
  async one(found) {
    let wait = FIRST_PAUSE;
    for (;;) {
      await this.paused;
      if (this.stopped) throw await this.end();
      try {
        const url = await this.place(found);
        wait = FIRST_PAUSE;
        while (this.at < found.file.size && !this.paused && !this.stopped) await this.piece(url, found.file);
        if (this.at === found.file.size && !this.stopped) return url.split("/").at(-1) ?? "";
      } catch (error) {
        if (this.paused || this.stopped) continue;
        if (!(error instanceof Refused) || !AGAIN.includes(error.status)) throw error;
        this.moved(this.before + this.at, "the connection is lost, trying again");
        await new Promise((done) => setTimeout(done, wait));
        wait = Math.min(2 * wait, LAST_PAUSE);
      }
    }
  }

  /** Where the file goes, and in `at` how much of it is there. @param {import("./files.js").Found} found */
  async place(found) {
    const known = localStorage.getItem(key(found));
    if (known) {
      const answer = await this.ask("HEAD", known, {});
      if (answer.status === 200) {
        this.at = Number(answer.getResponseHeader("Upload-Offset"));
        return known;
      }
      if (answer.status !== 404 && answer.status !== 410) throw refused(answer);
    }
    const answer = await this.ask("POST", "/api/v1/uploads", {
      "Upload-Length": String(found.file.size),
      "Upload-Metadata": `filename ${base64(found.path)}`,
    });
    if (answer.status !== 201) throw refused(answer);
    const url = answer.getResponseHeader("Location") ?? "";
    localStorage.setItem(key(found), url);
    this.at = 0;
    return url;
  }

  /** The next piece. @param {string} url @param {File} file */
  async piece(url, file) {
    const from = this.at;
    const headers = { "Upload-Offset": String(from), "Content-Type": "application/offset+octet-stream" };
    const answer = await this.ask("PATCH", url, headers, file.slice(from, from + PIECE));
    if (answer.status !== 204) throw refused(answer);
    this.at = Number(answer.getResponseHeader("Upload-Offset"));
    this.moved(this.before + this.at, "");
  }

  /**
   * One request; status 0 where no answer came.
   * @param {string} method @param {string} url @param {Record<string, string>} headers @param {Blob} [body]
   * @returns {Promise<XMLHttpRequest>}
   */
  ask(method, url, headers, body) {
    const request = new XMLHttpRequest(); // fetch cannot tell how far an upload is
    this.request = request;
    request.open(method, url);
    for (const [name, value] of Object.entries({ ...TUS, ...headers })) request.setRequestHeader(name, value);
    if (body) request.upload.addEventListener("progress", (event) => this.moved(this.before + this.at + event.loaded, ""));
    return new Promise((done) => {
      request.addEventListener("loadend", () => done(request));
      request.send(body);
    });
  }

  /** Deletes what had come. @returns {Promise<Stopped>} */
  async end() {
    for (const found of this.files) {
      const url = localStorage.getItem(key(found));
      localStorage.removeItem(key(found));
      if (url) await fetch(url, { method: "DELETE", headers: TUS }).catch(() => null);
    }
    return new Stopped("Stopped. Nothing of it was kept.");
  }
}

/** An answer that is no success. */
class Refused extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @param {XMLHttpRequest} answer */
function refused(answer) {
  let told = `The service answered ${answer.status}.`;
  try {
    const body = JSON.parse(answer.responseText);
    told = body.detail ?? body.title ?? told;
  } catch { /* no problem+json */ }
  return new Refused(answer.status, told);
}

/** @param {import("./files.js").Found} found */
const key = ({ file, path }) => `upload ${path} ${file.size} ${file.lastModified}`;

/** @param {string} text */
const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
