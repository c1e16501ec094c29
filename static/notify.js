/* A bell beside a job that has not ended: whoever rings it is told by the system when the job ends, also in a hidden tab. */
(() => {
  'use strict';
  const { all, word, store, say } = arqboard;
  const OVER = ['succeeded', 'failed', 'aborted'];
  const MANY = 50;   // remembered at most, the newest
  const watched = () => store.get('watched', []);
  const hero = () => document.querySelector('[data-live^="hero:"][data-state]');
  const idOf = el => el.dataset.live.replace(/^\w+:/, '');

  /* Live pages keep on acknowledging in a hidden tab while this is so. */
  arqboard.isWaiting = () => watched().some(id => shownAs(id));
  function shownAs(id) {
    return document.querySelector(`[data-live="hero:${CSS.escape(id)}"], [data-live="row:${CSS.escape(id)}"]`);
  }

  function draw() {
    const job = hero(), isOver = !job || OVER.includes(job.dataset.state);
    for (const bell of all('[data-bell]')) {
      const isOn = !isOver && watched().includes(idOf(job));
      bell.hidden = isOver || !('Notification' in window);
      bell.setAttribute('aria-pressed', isOn);
      bell.title = word(isOn ? 'bell_on' : 'bell_off');
    }
  }
  async function toggle() {
    const id = idOf(hero()), before = watched();
    if (before.includes(id)) store.set('watched', before.filter(other => other !== id));
    else if (await isAllowed()) store.set('watched', [...before, id].slice(-MANY));
    say(word(watched().includes(id) ? 'bell_on' : Notification.permission === 'denied' ? 'bell_denied' : 'bell_off'));
    draw();
  }
  async function isAllowed() {
    const answer = Notification.permission === 'default' ? await Notification.requestPermission() : Notification.permission;
    document.querySelector('[data-bell-denied]')?.toggleAttribute('hidden', answer !== 'denied');
    return answer === 'granted';
  }

  function check() {
    for (const id of watched()) {
      const el = shownAs(id);
      if (el && OVER.includes(el.dataset.state)) ring(id, el);
    }
    draw();
  }
  function ring(id, el) {
    store.set('watched', watched().filter(other => other !== id));
    if (!('Notification' in window) || Notification.permission !== 'granted') return;
    const name = el.querySelector('h1, .fn')?.textContent.trim() ?? '', state = el.querySelector('.badge')?.textContent.trim();
    const note = new Notification(word('job_is', { name, state }), { body: id, tag: `arqboard-${id}`, icon: document.querySelector('link[rel=icon]').href });
    note.onclick = () => { window.focus(); note.close(); };
  }

  addEventListener('click', event => { if (event.target.closest('[data-bell]')) toggle(); });
  addEventListener('storage', draw);
  document.addEventListener('live:swapped', check);
  document.addEventListener('DOMContentLoaded', check);
})();
