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
  // A bigBed brings its colours along: red raises, blue lowers.
  const items = track.format === "bigbed" ? ["rgb(202,0,32)", "rgb(5,113,176)"] : [];
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

async function start() {
  if (typeof igv === "undefined") {
    say("igv.js could not be loaded.");
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
