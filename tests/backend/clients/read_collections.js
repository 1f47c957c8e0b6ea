// Reads collections with the unmodified client and prints the ids, by collection, as JSON.
// usage: node read_collections.js ADDRESS KEY FOLDER-OF-MODULES BBOX COLLECTION...
"use strict";

const [address, key, modules, bbox, ...collections] = process.argv.slice(2);
const { FeatureService } = require(`${modules}/@ogcapi-js/features`);

// The client takes no headers: a page would have its cookie.
const plain = globalThis.fetch;
globalThis.fetch = (url, options = {}) =>
  plain(url, { ...options, headers: { ...options.headers, Authorization: `Bearer ${key}` } });

async function everything(service, collection) {
  const ids = [];
  const options = { limit: 40 };
  if (bbox) options.bbox = bbox.split(",").map(Number);
  for (;;) {
    const page = await service.getFeatures(collection, options);
    ids.push(...page.features.map((feature) => String(feature.id)));
    const next = page.links.find((link) => link.rel === "next");
    if (!next) return ids;
    options.params = { after: new URL(next.href).searchParams.get("after") };
  }
}

async function main() {
  const service = new FeatureService({ baseUrl: address });
  const known = (await service.getCollections()).collections.map((one) => one.id);
  const found = {};
  for (const name of collections) {
    if (!known.includes(name)) throw new Error(`no collection ${name}`);
    found[name] = await everything(service, name);
  }
  console.log(JSON.stringify(found));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
