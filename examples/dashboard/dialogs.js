// The two questions that this page asks people.

/** Shows a dialog; resolves to its form's values, or to null when it was left. */
function ask(dialog) {
  const form = dialog.querySelector('form');
  dialog.querySelector('.cancel').onclick = () => dialog.close('');
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue ? Object.fromEntries(new FormData(form)) : null);
  });
}

export async function askReason(label) {
  const dialog = document.getElementById('pause-dialog');
  document.getElementById('pause-title').textContent = `Pause ${label}`;
  const field = document.getElementById('reason');
  field.value = '';
  // Blanks are no reason.
  field.oninput = () => field.setCustomValidity(field.value && !field.value.trim() ? 'Say why.' : '');
  const values = await ask(dialog);
  return values && values.reason.trim();
}

export async function askConnection(address) {
  const dialog = document.getElementById('connection-dialog');
  document.getElementById('server').value = address;
  const values = await ask(dialog);
  document.getElementById('password').value = '';
  if (!values) return null;
  return { address: values.server.trim(), login: values.user ? { user: values.user, pass: values.password } : {} };
}
