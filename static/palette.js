/* The palette: one field that goes everywhere. The server finds; here are the keyboard, and what was opened lately. */
(() => {
  'use strict';
  const { all, word, store } = arqboard;
  const RECENT = 6;
  const dialog = () => document.getElementById('palette');
  const field = () => dialog().querySelector('input');
  const list = () => dialog().querySelector('[role=listbox]');
  const options = () => [...all('[role=option]', list())];
  /* What was typed has no answer yet; the list was gone through since; Enter was pressed before there was an answer */
  let asked = null, timer = 0, isBehind = false, isChosen = false, isWanted = false;

  function open() {
    if (dialog().open) { dialog().close(); return; }
    field().value = '';
    dialog().showModal();
    type();
    find();
  }
  function type() {
    isBehind = true;
    isChosen = isWanted = false;
  }

  /* What the server says; an answer that is late is not shown */
  async function find() {
    asked?.abort();
    asked = new AbortController();
    const q = field().value.trim(), url = `${dialog().dataset.url}?q=${encodeURIComponent(q)}`;
    try {
      const answer = await fetch(url, { signal: asked.signal, headers: { 'HX-Request': 'true' } });
      if (!answer.ok) throw new Error(answer.status);
      show(await answer.text(), q);
    } catch (error) {
      if (error.name === 'AbortError') return;
      isBehind = isWanted = false;
      say(word('palette_away'));
    }
  }
  function show(html, q) {
    const found = new DOMParser().parseFromString(html, 'text/html').body;
    const kept = isChosen && place(chosen());
    list().replaceChildren(...(q ? [] : lately()), ...found.childNodes);
    choose(options().find(option => place(option) === kept) ?? options()[0]);
    say(options().length ? '' : word('palette_none', { q }));
    isBehind = false;
    if (isWanted && dialog().open) take(chosen());
    isWanted = false;
  }
  const chosen = () => options().find(option => option.getAttribute('aria-selected') === 'true');
  const place = option => option && (option.dataset.does ?? option.getAttribute('href'));
  const say = text => { dialog().querySelector('[data-none]').textContent = text; };

  /* What was opened from here, and jobs whose pages were opened */
  function lately() {
    const recent = store.get('recent', []);
    if (!recent.length) return [];
    const group = document.createElement('div'), title = document.createElement('p');
    group.setAttribute('role', 'group');
    group.setAttribute('aria-labelledby', title.id = 'pg-recent');
    title.textContent = word('recent');
    title.className = 'pal-h';
    group.append(title, ...recent.map(entry));
    return [group];
  }
  function entry({ text, hint, href }, n) {
    const link = Object.assign(document.createElement('a'), { id: `po-recent-${n}`, href, className: 'pal-o', tabIndex: -1 });
    link.setAttribute('role', 'option');
    for (const [name, content] of [['b', text], ['small', hint]]) link.append(Object.assign(document.createElement(name), { textContent: content }));
    return link;
  }
  function remember(item) {
    const others = store.get('recent', []).filter(other => other.href !== item.href);
    store.set('recent', [item, ...others].slice(0, RECENT));
  }
  function visit() {
    const hero = document.querySelector('[data-live^="hero:"]'), name = hero?.querySelector('h1')?.textContent;
    if (name) remember({ text: name, hint: hero.dataset.live.slice(5), href: location.pathname });
  }

  /* Which one is chosen; the focus stays in the field */
  function choose(option) {
    for (const other of options()) other.setAttribute('aria-selected', other === option);
    if (option) field().setAttribute('aria-activedescendant', option.id); else field().removeAttribute('aria-activedescendant');
    option?.scrollIntoView({ block: 'nearest' });
  }
  function step(by) {
    const found = options();
    choose(found[(found.indexOf(chosen()) + by + found.length) % found.length]);
  }
  function take(option) {
    if (!option) return;
    dialog().close();
    const { does } = option.dataset;
    if (does === 'theme') document.querySelector('.top form.theme button')?.click();
    else if (does === 'keys') document.getElementById('keys')?.showModal();
    else if (does) document.dispatchEvent(new CustomEvent(`arqboard:${does}`, { bubbles: true }));
    else {
      remember({ text: option.querySelector('b').textContent, hint: option.querySelector('small')?.textContent ?? '', href: option.getAttribute('href') });
      location.href = option.href;
    }
  }

  const MOVES = { ArrowDown: () => step(1), ArrowUp: () => step(-1), Home: () => choose(options()[0]), End: () => choose(options().at(-1)) };
  addEventListener('arqboard:palette', open);
  addEventListener('click', event => {
    if (event.target.closest('[data-palette]')) open();
    const option = event.target.closest('#palette [role=option]');
    if (!option || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    take(option);
  });
  document.addEventListener('DOMContentLoaded', () => {
    visit();
    dialog()?.addEventListener('submit', event => {
      event.preventDefault();
      if (isBehind && !isChosen) isWanted = true;
      else take(chosen());
    });
    dialog()?.addEventListener('input', () => { type(); clearTimeout(timer); timer = setTimeout(find, 60); });
    dialog()?.addEventListener('keydown', event => {
      if (!MOVES[event.key] || event.isComposing || (event.key === 'Home' || event.key === 'End') && field().value) return;
      event.preventDefault();
      isChosen = true;
      MOVES[event.key]();
    });
  });
})();
