// While files are being made the bar moves by itself; without this script there is the link "Look again".
(() => {
  const bar = document.querySelector('.goal progress');
  if (!bar) return;
  const look = async () => {
    const page = await fetch(location.href, { headers: { Accept: 'text/html' } }).then((r) => r.text()).catch(() => '');
    const fresh = page && new DOMParser().parseFromString(page, 'text/html').querySelector('.goal');
    if (page && !fresh) return location.reload();
    if (fresh) {
      const now = fresh.querySelector('progress');
      bar.max = now.max;
      bar.value = now.value;
      bar.parentElement.querySelector('.goal-text span').textContent = fresh.querySelector('.goal-text span').textContent;
    }
    setTimeout(look, 2000);
  };
  setTimeout(look, 2000);
})();
