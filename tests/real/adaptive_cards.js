// Judges messages for Teams by Microsoft's own library: a JSON message on each line of standard input.
// Prints a sentence for each fault and exits 1 if there is one. NODE_PATH says where the library is.
const { AdaptiveCard, SerializationContext } = require('adaptivecards/dist/adaptivecards.js');

// With its keys in order, so that two of one content are one text.
const sorted = (value) =>
  Array.isArray(value) ? value.map(sorted)
  : value && typeof value === 'object'
    ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]))
  : value;

function faultsOf(message) {
  const [attachment] = message.attachments ?? [];
  if (message.type !== 'message' || attachment?.contentType !== 'application/vnd.microsoft.card.adaptive') {
    return ['no message with a card'];
  }
  const faults = [];
  const { msteams, ...given } = attachment.content;
  const context = new SerializationContext();
  const card = new AdaptiveCard();
  card.parse(given, context);
  for (let at = 0; at < context.eventCount; at++) faults.push(context.getEventAt(at).message);
  for (const event of card.validateProperties().validationEvents) faults.push(event.message);
  // What the library does not know, it drops.
  if (JSON.stringify(sorted(card.toJSON())) !== JSON.stringify(sorted(given))) faults.push('reads back differently');
  const bytes = Buffer.byteLength(JSON.stringify(message));
  if (bytes > 28 * 1024) faults.push(`${bytes} bytes`);
  return faults;
}

const lines = require('fs').readFileSync(0, 'utf8').trim().split('\n');
const faults = lines.flatMap((line, at) => faultsOf(JSON.parse(line)).map((fault) => `message ${at + 1}: ${fault}`));
faults.forEach((fault) => console.log(fault));
process.exit(faults.length ? 1 : 0);
