"use strict";
// Every face carries its iterates as a film strip, one frame below the other. Frame number `count` is the face itself.
const FRAME_MS = 110;
const REST_MS = 1500;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const byId = (id) => document.getElementById(id);
const moments = (text) => text.split(" ").map((moment) => moment.split(":"));

const cells = [...document.querySelectorAll(".cell")].map((button) => ({
  button,
  image: button.querySelector("img"),
  film: button.querySelector(".film"),
  moments: moments(button.dataset.moments).concat(moments(button.dataset.end)),
  caption: button.parentElement.querySelector("template"),
}));
for (const cell of cells) cell.count = cell.moments.length - 1;
const large = { image: new Image(), film: byId("detail").querySelector(".film") };
large.film.before(large.image);
const all = byId("all");
let chosen = null;
let timer = 0;

function show(film, frame, count) {
  film.style.visibility = frame < count ? "visible" : "hidden";
  film.style.backgroundSize = `100% ${100 * count}%`;
  film.style.backgroundPositionY = `${count > 1 ? (100 * Math.min(frame, count - 1)) / (count - 1) : 0}%`;
}

// The frame that a face shows while nobody looks at it.
const resting = (cell) => Math.min(Number(all.value), cell.count);

function showChosen(frame) {
  show(chosen.film, frame, chosen.count);
  show(large.film, frame, chosen.count);
  const [step, loss] = chosen.moments[frame];
  byId("moment").textContent = `step ${step}, loss ${loss}`;
  const line = document.querySelector("#caption polyline");
  if (!line) return;
  const point = line.points[Math.min(frame, chosen.count - 1)];
  const circle = document.querySelector("#caption circle");
  circle.setAttribute("cx", point.x);
  circle.setAttribute("cy", point.y);
}

function stop() {
  clearTimeout(timer);
  if (chosen) showChosen(resting(chosen));
}

function choose(cell) {
  if (chosen === cell) return;
  stop();
  if (chosen) chosen.button.classList.remove("chosen");
  chosen = cell;
  cell.button.classList.add("chosen");
  large.image.src = cell.image.src;
  large.image.alt = cell.image.alt;
  large.film.style.backgroundImage = cell.film.style.backgroundImage;
  byId("caption").replaceChildren(cell.caption.content.cloneNode(true));
  showChosen(resting(cell));
}

function play(cell) {
  choose(cell);
  clearTimeout(timer);
  if (still.matches) return;
  const turn = (frame) => {
    showChosen(frame);
    const end = frame >= cell.count;
    timer = setTimeout(turn, end ? REST_MS : FRAME_MS, end ? 0 : frame + 1);
  };
  turn(0);
}

// Rows and columns are those of the table: arrow keys go from face to face.
function neighbour(button, key) {
  const cell = button.parentElement;
  const rows = [...document.querySelectorAll(".faces tbody tr")];
  const row = rows.indexOf(cell.parentElement) + ({ ArrowUp: -1, ArrowDown: 1 }[key] ?? 0);
  const column = cell.cellIndex + ({ ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0);
  return rows[row]?.cells[column]?.querySelector(".cell");
}

for (const cell of cells) {
  const { button } = cell;
  button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && play(cell));
  button.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && stop());
  button.addEventListener("focus", () => button.matches(":focus-visible") && play(cell));
  button.addEventListener("blur", () => chosen === cell && stop());
  button.addEventListener("click", () => play(cell));
  button.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    neighbour(button, event.key)?.focus();
  });
}

all.addEventListener("input", () => {
  clearTimeout(timer);
  for (const cell of cells) show(cell.film, resting(cell), cell.count);
  if (chosen) showChosen(resting(chosen));
  const cell = cells.reduce((a, b) => (b.count > a.count ? b : a));
  const frame = resting(cell);
  byId("step").value = frame < cell.count ? cell.moments[frame][0] : "the end";
});
// A reloaded page may remember where the slider was.
all.value = all.max;
if (cells.length) choose(cells[0]);
