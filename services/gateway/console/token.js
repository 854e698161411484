// SPDX-License-Identifier: Apache-2.0
// The bearer token of this tab. It is in no URL and no cookie, and gone with the tab (sessionStorage).

const KEY = 'ordershop-token';
let asking = null;
let declined = false;

export const token = () => sessionStorage.getItem(KEY);

function ask(method) {
  const dialog = document.getElementById('token-dialog');
  const input = document.getElementById('token');
  const what = method === 'GET' ? 'Reading' : 'Changing something';
  document.getElementById('token-why').textContent =
    token() ? `${what} needs another token than the one given.` : `${what} needs a token here.`;
  input.value = '';
  dialog.showModal();
  return new Promise((resolve) => {
    const end = (given) => {
      if (given) sessionStorage.setItem(KEY, given);
      declined = !given && method === 'GET';
      asking = null;
      if (dialog.open) dialog.close();
      resolve(Boolean(given));
    };
    document.getElementById('token-form').onsubmit = (event) => {
      event.preventDefault();
      end(input.value.trim());
    };
    document.getElementById('token-cancel').onclick = () => end('');
    dialog.oncancel = () => end('');
  });
}

// Returns true if the user gave one: then ask the shop again. Who has declined isn't asked by each reading in the
// background again; a change asks anew.
export function askForToken(method) {
  if (method === 'GET' && declined) return Promise.resolve(false);
  asking ??= ask(method);
  return asking;
}
