// Shows on any open page that a professional asks for the holder's agreement. Without it: the link in <noscript>.
"use strict";
(() => {
  const place = document.getElementById("demandes");
  const every = 3000; // milliseconds
  let shown = "";
  const show = (text) => {
    if (text === shown) return; // said once: the same words again would be read aloud again
    shown = text;
    place.innerHTML = text;
  };
  const look = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(place.dataset.address, { credentials: "same-origin", redirect: "manual" });
        if (answer.type === "opaqueredirect") return; // signed out: nothing more to watch
        if (answer.status === 204) show("");
        if (answer.status === 200) show(await answer.text());
      } catch (error) {
        // The network is away: the next look may succeed.
      }
    }
    setTimeout(look, every);
  };
  look();
})();
