/* global document, fetch, TextDecoderStream */

const form = document.querySelector('form');
const answer = document.querySelector('#answer');
const message = document.querySelector('#message');

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  form.inert = true;
  message.textContent = '';
  try {
    await hear(await fetch('/answers', { method: 'POST', body: answer.value }));
  } catch {
    // What the interviewer has said stays on the page.
    message.append(' (The connection broke. Please send your answer again.)');
  } finally {
    form.inert = false;
  }
});

/** Shows the interviewer's words while they come. */
async function hear(response) {
  if (!response.ok) throw new Error(`Status ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const blocks = (rest + read.value).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      if (name === undefined) continue;
      const data = JSON.parse(/^data: (.*)$/m.exec(block)[1]);
      if (name === 'field.delta') message.append(data.text);
      else if (name === 'reset') message.textContent = '';
      else if (name === 'error') throw new Error(data.code);
      else if (name === 'result') return;
    }
  }
  throw new Error('The stream was cut.');
}
