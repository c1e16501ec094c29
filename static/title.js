/* What a tab shows while others are looked at: the title and the icon say what runs and what has failed. */
(() => {
  'use strict';
  const { word, say } = arqboard;
  let last = null, ended = '';

  /* Screen readers hear what becomes of the job on its page */
  function follow() {
    const hero = document.querySelector('[data-live^="hero:"]');
    const now = hero && { key: hero.dataset.live, state: hero.dataset.state };
    if (last?.key !== now?.key) ended = '';
    else if (now && last.state !== now.state) say(ended = words(hero));
    last = now;
  }
  const words = hero => word('job_is', { name: hero.querySelector('h1')?.textContent ?? '', state: hero.querySelector('.badge')?.textContent.trim() ?? hero.dataset.state });

  function show() {
    follow();
    const { running = 0, failed = 0 } = document.getElementById('side')?.dataset ?? {};
    const counts = [+running && word('n_running', { n: +running }), +failed && word('n_failed', { n: +failed })].filter(Boolean);
    const name = ended || document.getElementById('page')?.dataset.title;
    if (!name) return;
    const title = `${counts.length ? `(${counts.join(', ')}) ` : ''}${name} · arqboard`;
    if (document.title !== title) document.title = title;
    picture(`${+running ? '-running' : ''}${+failed ? '-failed' : ''}`);
  }
  function picture(of) {
    const link = document.querySelector('link[rel=icon]'), href = link.getAttribute('href').replace(/favicon[\w-]*\.svg$/, `favicon${of}.svg`);
    if (link.getAttribute('href') !== href) link.setAttribute('href', href);
  }

  document.addEventListener('live:swapped', show);
  document.addEventListener('DOMContentLoaded', show);
})();
