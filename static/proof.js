/* Proof of work by ALTCHA (protocol 2, SHA-256), solved in the background while someone fills in a form: whoever sends
   by the thousand pays for each one. From our own site alone; without it a form goes too, under tighter limits. */
if (typeof document === "undefined") {
  // As a Web Worker: the counter whose digest begins as the task says.
  onmessage = async ({ data: { parameters: task } }) => {
    const bytes = (hex) => Uint8Array.from(hex.match(/../g) || [], (two) => parseInt(two, 16));
    const hex = (array) => [...array].map((one) => one.toString(16).padStart(2, "0")).join("");
    const salt = bytes(task.salt), nonce = bytes(task.nonce), prefix = bytes(task.keyPrefix);
    const text = new Uint8Array(salt.length + nonce.length + 4);
    text.set(salt);
    text.set(nonce, salt.length);
    const end = new DataView(text.buffer, salt.length + nonce.length);
    for (let counter = 0; counter < 1e6; counter++) {
      end.setUint32(0, counter);
      let key = text;
      for (let round = 0; round < Math.max(1, task.cost); round++) {
        key = new Uint8Array(await crypto.subtle.digest("SHA-256", key));
      }
      if (prefix.every((byte, i) => key[i] === byte)) {
        postMessage({ counter, derivedKey: hex(key.slice(0, task.keyLength)) });
        return;
      }
    }
  };
} else if (window.Worker && window.crypto && crypto.subtle) {
  const { src, dataset } = document.currentScript;
  const OLD = 90 * 60 * 1000; // a task is good for two hours
  for (const form of document.querySelectorAll('main form[method="post"]')) {
    if (!form.elements.form_token) continue;
    let begun = 0;
    const solve = async () => {
      const answer = await fetch(dataset.task, { credentials: "omit", cache: "no-store" });
      const challenge = await answer.json();
      const worker = new Worker(src);
      const solution = await new Promise((resolve, reject) => {
        worker.onmessage = (event) => resolve(event.data);
        worker.onerror = reject;
        worker.postMessage(challenge);
      }).finally(() => worker.terminate());
      if (!form.elements.altcha) {
        form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "altcha" }));
      }
      form.elements.altcha.value = btoa(JSON.stringify({ challenge, solution }));
    };
    // Begun by the first touch, it is ready long before a person is; nobody's button ever waits for it.
    const begin = () => {
      if (Date.now() - begun < OLD) return;
      begun = Date.now();
      solve().catch(() => { begun = 0; });
    };
    form.addEventListener("focusin", begin);
    if (!form.querySelector("input:not([type=hidden]), textarea, select")) begin();
    // Back from the next page: what was solved has been used.
    window.addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      begun = 0;
      form.elements.altcha?.remove();
      begin();
    });
  }
}
