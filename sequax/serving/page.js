"use strict";
// Values come from the model and from the user: all is set as text, nothing as HTML.
const LONGEST = 50;

function element(kind, className, text) {
  const made = document.createElement(kind);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// One bar per number; those of a distribution fill up to 1, others up to the largest.
function bars(values) {
  const most = Math.max(1e-12, ...values.map(Math.abs));
  const whole = values.every((v) => v >= 0 && v <= 1) ? 1 : most;
  return values.map((value, i) => {
    const line = element("div", "line");
    const track = element("div", "track");
    const bar = element("div", Math.abs(value) === most ? "bar most" : "bar");
    bar.style.width = `${(100 * Math.abs(value)) / whole}%`;
    track.append(bar);
    line.append(element("span", "label", String(i)), track, element("span", "value", value.toPrecision(4)));
    return line;
  });
}

function isVector(value) {
  return Array.isArray(value) && value.length > 0 && value.length <= LONGEST && value.every((v) => typeof v === "number");
}

async function predict(section) {
  const [text, time, drawn, answer] = ["textarea", ".time", ".bars", ".answer"].map((s) => section.querySelector(s));
  drawn.replaceChildren();
  answer.hidden = false;
  let row;
  try {
    row = JSON.parse(text.value);
  } catch (error) {
    answer.textContent = `This is no JSON: ${error.message}`;
    return;
  }
  const start = performance.now();
  try {
    const response = await fetch(`v1/models/${encodeURIComponent(section.dataset.model)}:predict`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ instances: [row] }),
    });
    const found = await response.json();
    time.textContent = `${(performance.now() - start).toFixed(1)} ms`;
    if (!response.ok) {
      answer.textContent = found.error;
      return;
    }
    const outputs = found.predictions[0];
    const named = outputs !== null && typeof outputs === "object" && !Array.isArray(outputs) ? outputs : { "": outputs };
    for (const [name, value] of Object.entries(named)) {
      if (name) drawn.append(element("h3", "", name));
      if (isVector(value)) drawn.append(...bars(value));
    }
    answer.textContent = JSON.stringify(outputs, null, 1);
  } catch (error) {
    time.textContent = "";
    answer.textContent = `The server did not answer: ${error.message}`;
  }
}

for (const section of document.querySelectorAll("section")) {
  section.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    predict(section);
  });
  // Before this script runs, a click would send the form itself, which the page's policy blocks.
  section.querySelector("button").disabled = false;
}
