"use strict";

// Draws runs in the cell of a notebook. It comes with each cell, and runs in the notebook's page
// or in a frame of it; VS Code may run the cells of a stored notebook in any order.
(() => {
  if (window.tracksmithCells) return;
  const browsers = new Map();
  const loading = new Map();

  // Load a script of the server, unless an earlier cell has brought what it defines.
  function load(server, name, defined) {
    // An element of that id is there under its name too.
    if (window[defined] && !(window[defined] instanceof Element)) return Promise.resolve();
    if (!loading.has(name)) {
      loading.set(name, new Promise((done, failed) => {
        const script = document.createElement("script");
        script.src = server + name;
        script.onload = done;
        script.onerror = () => {
          loading.delete(name);
          failed(new Error("no answer"));
        };
        document.head.append(script);
      }));
    }
    return loading.get(name);
  }

  async function draw(cell, server, session) {
    cell.textContent = "";
    try {
      await load(server, "igv.min.js", "igv");
      await load(server, "browser.js", "tracksmithIgv");
    } catch {
      const { port } = new URL(server);
      cell.textContent = `${server} does not answer this browser. If the kernel is at work on ` +
        `another machine, forward its port ${port} to the same port here; if it was started ` +
        "again, run this cell again.";
      return null;
    }
    const browser = await tracksmithIgv.create(cell, session);
    await completeOverlays(browser);
    return browser;
  }

  // Where a page changes its size while tracks are being loaded, igv.js has asked for the data of
  // an overlay before all its parts were there, and keeps what it got.
  async function completeOverlays(browser) {
    const overlays = browser.trackViews.filter((view) => view.track.tracks);
    const loading = () => overlays.some((view) => view.viewports.some((port) => port.loading));
    while (loading()) await new Promise((done) => setTimeout(done, 50));
    for (const view of overlays) view.clearCachedFeatures();
    await browser.updateViews();
  }

  function show({ id, server, session }) {
    browsers.set(id, draw(document.getElementById(id), server, session));
  }

  async function call({ id, method, values }, tries = 300) {
    if (browsers.has(id)) {
      const browser = await browsers.get(id);
      if (browser) await browser[method](...values);
    } else if (tries) {
      setTimeout(call, 100, { id, method, values }, tries - 1);
    }
  }

  window.tracksmithCells = { browsers, show, call };
})();
