'use strict';
// Changes the slice without loading the page again. The page does all of it without this, too.
const form = document.getElementById('viewer');
const picture = document.getElementById('picture');
if (form && picture) {
  const field = (name) => form.elements.namedItem(name);
  const slices = Number(form.dataset.slices);
  const links = { previous: -1, next: 1 };
  const show = () => {
    const slice = Math.min(slices, Math.max(1, Math.round(Number(field('slice').value)) || 1));
    field('slice').value = String(slice);
    const address = new URLSearchParams();
    for (const name of ['image', 'plane', 'window', 'outline']) {
      if (field(name)) address.set(name, field(name).value);
    }
    address.set('slice', String(slice));
    picture.src = form.dataset.sliceUrl + '?' + address;
    picture.alt = field('plane').value + ' slice ' + slice + ' of ' + slices;
  };
  const step = (by) => {
    field('slice').value = String(Number(field('slice').value) + by);
    show();
  };
  field('slice').addEventListener('input', show);
  field('slice').addEventListener('keydown', (event) => {
    const by = { PageUp: 5, PageDown: -5 }[event.key];
    if (by) {
      event.preventDefault();
      step(by);
    }
  });
  for (const name of ['window', 'outline']) {
    if (field(name)) field(name).addEventListener('change', show);
  }
  for (const [id, by] of Object.entries(links)) {
    const link = document.getElementById(id);
    if (link) {
      link.addEventListener('click', (event) => {
        event.preventDefault();
        step(by);
      });
    }
  }
  picture.addEventListener('wheel', (event) => {
    event.preventDefault();
    step(event.deltaY > 0 ? 1 : -1);
  }, { passive: false });
}
