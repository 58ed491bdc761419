/* Counts what is left while someone writes. Without it the hint beside the field says the limit. */
for (const area of document.querySelectorAll("textarea[data-limit]")) {
  const out = document.getElementById(area.id + "-count");
  const limit = Number(area.dataset.limit);
  if (!out || !limit) continue;
  let told;
  const show = () => {
    const left = limit - [...area.value.replace(/\r?\n/g, "\n")].length;
    const words = left < 0 ? out.dataset.over : out.dataset.left;
    // Spanish writes 4,135 here, as the pages do (campaign.web.languages).
    const language = document.documentElement.lang.replace(/^es$/, "es-US");
    const text = words.replace("#", Math.abs(left).toLocaleString(language));
    out.firstElementChild.textContent = text;
    out.classList.toggle("over", left < 0);
    // Read aloud only near the end, and only when the typing rests.
    clearTimeout(told);
    if (left < limit / 10) told = setTimeout(() => { out.lastElementChild.textContent = text; }, 1200);
  };
  out.hidden = false;
  area.addEventListener("input", show);
  show();
  // Back from the next page: the browser puts in what was typed after this has run.
  window.addEventListener("pageshow", show);
}
