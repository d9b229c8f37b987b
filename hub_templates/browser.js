"use strict";

// What page and notebook add to igv.js: text of files is shown as text, and variants are found by
// their names. igv.js pastes the values of a popup and the text of a track line into HTML; in a
// notebook such a script would have the kernel in its hands.
(() => {
  if (window.tracksmithIgv) return;

  const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  const escaped = (value) => String(value).replace(/[&<>"']/g, (char) => ENTITIES[char]);
  // A document of its own: nothing in it is loaded or run.
  const textOf = (html) => new DOMParser().parseFromString(html, "text/html").body.textContent;

  function popupLine(item) {
    if (item.name) {
      const value = escaped(item.value);
      return `<div title="${value}"><span>${escaped(item.name)}</span>&nbsp;&nbsp;&nbsp;${value}</div>`;
    }
    const text = textOf(item.html || String(item));
    return text.trim() ? `<div>${escaped(text)}</div>` : "<hr>";
  }

  // igv.js shows the text that a listener returns, and nothing where it returns false.
  const popup = (track, items) => Boolean(items && items.length) && items.map(popupLine).join("");

  // Without it a click on a track's name shows what the file's own track line holds.
  function described(config) {
    const description = document.createElement("div");
    description.textContent = config.name;
    description.toString = () => description.innerHTML; // igv.js below 3.5 takes text
    return { ...config, description: () => description, infoURL: undefined };
  }

  // The columns of a bigBed that have an index, after Kent et al. 2010, doi:10.1093/bioinformatics/btq351.
  class NamedRows {
    constructor(url) {
      this.url = url;
    }

    async bytes(start, length) {
      const headers = { Range: `bytes=${start}-${start + length - 1}` };
      const answer = await fetch(this.url, { headers });
      if (!answer.ok) throw new Error(`${this.url}: ${answer.status}`);
      const whole = await answer.arrayBuffer();
      return new DataView(answer.status === 206 ? whole : whole.slice(start, start + length));
    }

    number(view, at, size) {
      if (size === 8) return Number(view.getBigUint64(at, this.little));
      return size === 4 ? view.getUint32(at, this.little) : view.getUint16(at, this.little);
    }

    async open() {
      const head = await this.bytes(0, 64);
      this.little = head.getUint32(0, true) === 0x8789f2eb;
      [this.contigs, this.data, this.extension] = [8, 16, 56].map((at) => this.number(head, at, 8));
      this.compressed = this.number(head, 52, 4) > 0;
      this.indexes = [];
      if (!this.extension) return;
      const extension = await this.bytes(this.extension, 16);
      const count = this.number(extension, 2, 2);
      const list = await this.bytes(this.number(extension, 4, 8), 20 * count);
      for (let at = 0; at < 20 * count; at += 20) {
        const [tree, column] = [this.number(list, at + 4, 8), this.number(list, at + 16, 2)];
        this.indexes.push({ tree, column });
      }
    }

    // Walk down a tree of names to the item of a key; undefined where it is not there.
    async item(tree, key) {
      const head = await this.bytes(tree, 32);
      const [keySize, valueSize] = [8, 12].map((at) => this.number(head, at, 4));
      if (key.length > keySize) return undefined;
      const padded = new Uint8Array(keySize);
      padded.set(key);
      for (let offset = tree + 32, depth = 0; depth < 40; depth += 1) {
        const node = await this.bytes(offset, 4);
        const isLeaf = node.getUint8(0) === 1;
        const width = keySize + (isLeaf ? valueSize : 8);
        const items = await this.bytes(offset + 4, width * this.number(node, 2, 2));
        let at = -width;
        let order = 1;
        for (let next = 0; next < items.byteLength && order >= 0; next += width) {
          order = compare(padded, new Uint8Array(items.buffer, next, keySize));
          if (order >= 0) at = next;
          if (order === 0) break;
        }
        if (isLeaf) return order === 0 ? new DataView(items.buffer, at + keySize, valueSize) : undefined;
        offset = this.number(items, Math.max(at, 0) + keySize, 8);
      }
      return undefined;
    }

    // Return the first row whose indexed column is the name: contig's number, start, end.
    async find(name) {
      if (!this.indexes) await this.open();
      for (const { tree, column } of this.indexes) {
        const target = await this.item(tree, new TextEncoder().encode(name));
        const row = target && await this.row(target, column - 3, name);
        if (row) return row;
      }
      return undefined;
    }

    async row(target, column, name) {
      const packed = await this.bytes(this.number(target, 0, 8), this.number(target, 8, 8));
      const stream = new Blob([packed]).stream();
      const plain = this.compressed ? stream.pipeThrough(new DecompressionStream("deflate")) : stream;
      const view = new DataView(await new Response(plain).arrayBuffer());
      for (let at = 0; at + 12 < view.byteLength;) {
        const [contig, start, end] = [0, 4, 8].map((step) => this.number(view, at + step, 4));
        let last = at + 12;
        while (last < view.byteLength && view.getUint8(last)) last += 1;
        const text = new TextDecoder().decode(new Uint8Array(view.buffer, at + 12, last - at - 12));
        if (text.split("\t")[column] === name) return { contig, start, end };
        at = last + 1;
      }
      return undefined;
    }

    // Return a contig's name. Their tree lies before the data, in one piece.
    async contig(number) {
      const tree = await this.bytes(this.contigs, this.data - this.contigs);
      const keySize = this.number(tree, 8, 4);
      const open = [32];
      while (open.length) {
        const at = open.pop();
        const isLeaf = tree.getUint8(at) === 1;
        for (let item = 0; item < this.number(tree, at + 2, 2); item += 1) {
          const key = at + 4 + item * (keySize + 8);
          if (!isLeaf) open.push(this.number(tree, key + keySize, 8) - this.contigs);
          else if (this.number(tree, key + keySize, 4) === number) {
            const bytes = new Uint8Array(tree.buffer, key, keySize);
            return new TextDecoder().decode(bytes).replace(/\0+$/, "");
          }
        }
      }
      return undefined;
    }
  }

  function compare(one, other) {
    const at = one.findIndex((byte, place) => byte !== other[place]);
    return at < 0 ? 0 : one[at] - other[at];
  }

  // As bigBeds hold it: see tracks/markup.py.
  const withoutMarkup = (name) => name.replaceAll("<", "(").replace(/["']/g, "`")
    .replace(/&[^&]*/g, (part) => (textOf(part) === part ? part : `+${part.slice(1)}`));

  async function placeOf(name, files) {
    const names = new Set([name, withoutMarkup(name), name.toLowerCase(), name.toUpperCase()]);
    for (const file of files) {
      for (const one of names) {
        try {
          const row = await file.find(one);
          const contig = row && await file.contig(row.contig);
          if (contig) return `${contig}:${Math.max(row.start - 99, 1)}-${row.end + 100}`;
        } catch (error) {
          console.warn(`${file.url} cannot be searched: ${error.message || error}`);
          break;
        }
      }
    }
    return undefined;
  }

  // Make igv.js's search find variants before it asks anybody else. `known` gives places by name.
  function findVariants(browser, files, known) {
    const search = browser.search.bind(browser);
    browser.search = async (text, ...more) => {
      const name = String(text).trim();
      const isPlace = /^\S+:[\d,]+(-[\d,]+)?$|\s/.test(name) || browser.genome.getChromosome(name);
      const place = isPlace ? undefined : known(name) || await placeOf(name, files);
      return search(place || text, ...more);
    };
  }

  // igv.js cuts its bar of tools and half of a row's name off where there is little room.
  const NARROW = `@media (max-width: 40rem) {
    .igv-navbar, .igv-navbar-left-container, .igv-navbar-right-container {
      flex-wrap: wrap !important; justify-content: flex-start !important; height: auto !important; }
    .igv-navbar-genomic-location { display: contents !important; }
    .igv-chromosome-select-widget-container { height: 32px !important; }
    .igv-locus-size-group { height: 28px !important; margin-left: 0 !important; }
    .igv-track-label { box-sizing: border-box; max-width: calc(100% - 16px); font-size: 11px;
      white-space: normal; text-align: left; }
  }`;

  function fit(element) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(NARROW);
    element.shadowRoot?.adoptedStyleSheets.push(sheet);
  }

  // Return the browser of a session, below an element. `tracks` are all whose variants are found.
  async function create(element, session, tracks = session.tracks, known = () => undefined) {
    const browser = await igv.createBrowser(element, {
      ...session,
      // Else igv.js asks igv.org for every name that it does not know.
      ...(session.reference ? { loadDefaultGenomes: false, search: false } : {}),
      tracks: session.tracks.map(described),
      listeners: { trackclick: popup },
    });
    fit(element);
    const urls = tracks.filter((track) => track.format === "bigbed").map((track) => track.url);
    findVariants(browser, urls.map((url) => new NamedRows(url)), known);
    return browser;
  }

  window.tracksmithIgv = { create, described };
})();
