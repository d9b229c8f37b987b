"use strict";

const data = JSON.parse(document.getElementById("tracksmith-data").textContent);
const state = { browser: null, error: null };
window.tracksmith = state;

function say(text) {
  const box = document.getElementById("message");
  box.textContent = text;
  box.hidden = false;
}

function colourOf(track) {
  // Items and arcs bring their colours along: red raises, blue lowers.
  const brings = ["bigbed", "biginteract"].includes(track.format) && !track.added;
  const items = brings ? ["rgb(202,0,32)", "rgb(5,113,176)"] : [];
  const [first, second] = track.tracks ? track.tracks.map((part) => part.color) : items;
  if (!second) return first || track.color || "rgb(128,128,128)";
  return `linear-gradient(135deg, ${first} 50%, ${second} 50%)`;
}

async function toggle(track, box) {
  box.disabled = true;
  try {
    if (box.checked) {
      await state.browser.loadTrack(tracksmithIgv.described(structuredClone(track)));
    } else {
      state.browser.removeTrackByName(track.name);
    }
  } catch (error) {
    say(`${track.name}: ${error.message || error}`);
  }
  box.disabled = false;
}

function listTracks() {
  const list = document.getElementById("track-list");
  data.tracks.forEach((track, position) => {
    const item = document.createElement("li");
    const label = document.createElement("label");
    const box = document.createElement("input");
    const swatch = document.createElement("span");
    box.type = "checkbox";
    box.checked = position < data.shown;
    box.addEventListener("change", () => toggle(track, box));
    swatch.className = "swatch";
    swatch.style.background = colourOf(track);
    label.append(box, swatch, track.name);
    item.append(label);
    list.append(item);
  });
  document.getElementById("filter").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const item of list.children) {
      item.hidden = !item.textContent.toLowerCase().includes(wanted);
    }
  });
}

function go(row) {
  for (const other of document.querySelectorAll("tr.current")) other.classList.remove("current");
  row.classList.add("current");
  document.getElementById("igv").scrollIntoView({ block: "nearest" });
  return state.browser.search(row.dataset.locus);
}

function linkRows() {
  for (const row of document.querySelectorAll("tr[data-locus]")) {
    row.addEventListener("click", () => go(row));
    row.addEventListener("keydown", (event) => {
      if (event.key === "Enter") go(row);
    });
  }
}

// A column goes up, then down, then back to the order that the table came in.
const NEXT = { none: "ascending", ascending: "descending", descending: "none" };
const TEXT = new Intl.Collator("en", { numeric: true });

function compareCells(one, other, isNumber) {
  const missing = (text) => text === "" || text === ".";
  // What has no value comes last, whichever way round.
  if (missing(one) || missing(other)) return { last: missing(one) - missing(other) };
  return { order: isNumber ? Number(one) - Number(other) : TEXT.compare(one, other) };
}

function sortRows(body, original, column, direction, isNumber) {
  const sign = direction === "descending" ? -1 : 1;
  const text = (row) => row.cells[column].textContent;
  const sorted = direction === "none" ? original : [...body.rows].sort((one, other) => {
    const { last, order } = compareCells(text(one), text(other), isNumber);
    return last ?? sign * order;
  });
  body.append(...sorted);
}

// Add what a table of many rows needs above it: a field that filters, a button that saves.
function addTools(table) {
  const body = table.tBodies[0];
  const field = document.createElement("input");
  const button = document.createElement("button");
  const tools = document.createElement("p");
  field.type = "search";
  field.placeholder = "Filter rows";
  field.setAttribute("aria-label", "Filter rows");
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase();
    for (const row of body.rows) {
      const texts = [...row.cells].map((cell) => cell.textContent.toLowerCase());
      row.hidden = !texts.some((text) => text.includes(wanted));
    }
  });
  button.type = "button";
  button.textContent = "Save rows as TSV";
  button.addEventListener("click", () => saveRows(table));
  tools.className = "tools";
  tools.append(field, button);
  table.closest(".scroll").before(tools);
}

// What is seen, in the order in which it is seen.
function rowsAsText(table) {
  const rows = [table.tHead.rows[0], ...table.tBodies[0].rows].filter((row) => !row.hidden);
  const lines = rows.map((row) => [...row.cells].map((cell) => cell.textContent).join("\t"));
  return `${lines.join("\n")}\n`;
}

function saveRows(table) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([rowsAsText(table)], { type: "text/tab-separated-values" }));
  link.download = "variants.tsv";
  link.click();
  URL.revokeObjectURL(link.href);
}

function makeSortable(table) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const direction = NEXT[head.getAttribute("aria-sort") || "none"];
      for (const other of heads) other.removeAttribute("aria-sort");
      if (direction !== "none") head.setAttribute("aria-sort", direction);
      sortRows(body, original, column, direction, head.classList.contains("number"));
    });
  });
}

// Return the place of a variant that the page lists, by any of its columns.
function locusOf(name) {
  const rows = [...document.querySelectorAll("tr[data-locus]")];
  const holds = (row) => [...row.cells].some((cell) => cell.textContent === name);
  return rows.find(holds)?.dataset.locus;
}

// Go where the page's address says; stay where it says nothing that is there.
async function follow(wanted) {
  if (wanted && !await state.browser.search(wanted)) {
    say(`${wanted} is neither a region nor a variant that is shown here.`);
  }
}

function knowsLetters() {
  const [major, minor] = igv.version().split(".").map(Number);
  return major > 3 || (major === 3 && minor >= 5);
}

// A page made from a template of one's own may not name browser.js.
function loadBrowserScript() {
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = "browser.js";
    script.onload = done;
    script.onerror = failed;
    document.head.append(script);
  });
}

async function start() {
  // The element of that id is window.igv where the script is not.
  if (typeof window.igv?.createBrowser !== "function") {
    const { src } = document.querySelector("script[src*='igv']") || { src: "its place" };
    say(`igv.js could not be loaded from ${src}. Make the page again with --igv PATH, and ` +
      "igv.min.js lies beside it.");
    return;
  }
  try {
    if (typeof tracksmithIgv === "undefined") await loadBrowserScript();
  } catch {
    say("browser.js could not be loaded: copy it beside this page, from hub_templates/ of " +
      "tracksmith or from another page that it made.");
    return;
  }
  if (location.protocol === "file:") {
    say("Browsers do not let a page on disk read data: run `tracksmith view`, or use a server.");
  }
  const session = structuredClone(data.session);
  if (!knowsLetters() && data.tracks.some((track) => track.graphType === "dynseq")) {
    say(`Attributions are drawn as bars: igv.js ${igv.version()} knows no letters. ` +
      "Give --igv a newer igv.min.js (3.5 or later), or --igv cdn.");
  }
  listTracks();
  linkRows();
  for (const table of document.querySelectorAll(".variants table")) {
    addTools(table);
    makeSortable(table);
  }
  try {
    const place = document.getElementById("igv");
    state.browser = await tracksmithIgv.create(place, session, data.tracks, locusOf);
    await follow(new URLSearchParams(location.search).get("locus"));
  } catch (error) {
    state.error = String(error.message || error);
    say(`igv.js: ${state.error}`);
  }
}

start();
