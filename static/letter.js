// Shows, while someone writes, how much of a letter is their own. Without it the preview says so.
// The same arithmetic as campaign/letters/words.py: words outside every run of three that the template has.
for (const area of document.querySelectorAll("textarea[data-own]")) {
  const out = document.getElementById(area.dataset.own);
  const suggested = document.getElementById("letter-suggested");
  if (!out || !suggested) continue;
  const words = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) || [];
  const run = (list, i) => list.slice(i, i + 3).join(" ");
  const known = new Set();
  const theirs = words(suggested.textContent);
  for (let i = 0; i + 2 < theirs.length; i++) known.add(run(theirs, i));
  const show = () => {
    const mine = words(area.value);
    const taken = new Set();
    for (let i = 0; i + 2 < mine.length; i++) {
      if (known.has(run(mine, i))) taken.add(i).add(i + 1).add(i + 2);
    }
    const share = mine.length ? Math.round(100 * (1 - taken.size / mine.length)) : 0;
    out.querySelector("progress").value = share;
    out.querySelector("span").textContent = out.dataset.label.replace("#", share);
  };
  out.hidden = false;
  area.addEventListener("input", show);
  show();
  // Back from the next page: the browser puts in what was typed after this has run.
  window.addEventListener("pageshow", show);
}
