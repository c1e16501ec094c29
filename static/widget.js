/* arqboard: the bar of one job where this script stands.
     <script src="https://ops.example.com/widget.js" data-job="https://ops.example.com/widget/…" async></script>
   The link is signed by your server. data-theme, -accent, -radius, -compact, -plain and -lang say how it looks,
   data-title what a screen reader calls it. The element around it hears arqboard:progress, :done, :expired, :refused. */
(() => {
  'use strict';
  const script = document.currentScript;
  if (!script) return console.error('arqboard: widget.js has to be a plain script, not a module');
  if (script.closest('head')) return console.error('arqboard: this line belongs where the bar is to be seen, in the body');
  const { job, title, ...data } = script.dataset;
  const home = new URL(script.src).origin;
  let link;
  try { link = new URL(job, script.src); } catch { /* told below */ }
  if (link?.origin !== home || !link.pathname.includes('/widget/')) return console.error(`arqboard: data-job has to be a link to a widget at ${home}`);
  for (const name of ['theme', 'accent', 'radius', 'compact', 'plain', 'lang']) {
    if (name in data) link.searchParams.set(name, data[name] || '1');
  }

  /* Styles are set by the object model, which a policy without unsafe-inline allows. */
  const frame = document.createElement('iframe');
  Object.assign(frame, { src: link.href, title: title || 'Progress', referrerPolicy: 'no-referrer' });
  if (home !== location.origin) frame.sandbox.add('allow-scripts', 'allow-same-origin');   // at home it would hold nothing
  Object.assign(frame.style, { display: 'block', width: '100%', height: '92px', border: '0' });
  // a frame of another scheme than its element is not transparent, and its corners would show
  frame.style.colorScheme = { light: 'light', dark: 'dark' }[link.searchParams.get('theme')] ?? 'light dark';
  const box = document.createElement('div');
  box.className = 'arqboard-widget';
  box.append(frame);
  script.after(box);

  const KINDS = ['progress', 'done', 'expired', 'refused'];
  addEventListener('message', function hear({ source, origin, data }) {
    if (!frame.isConnected) return removeEventListener('message', hear);
    if (source !== frame.contentWindow || origin !== home || typeof data?.arqboard !== 'string') return;
    const { arqboard: kind, ...detail } = data;
    if (kind === 'height') frame.style.height = `${Math.min(2000, Math.max(0, +detail.height || 0))}px`;
    else if (KINDS.includes(kind)) box.dispatchEvent(new CustomEvent(`arqboard:${kind}`, { bubbles: true, detail }));
  });
})();
