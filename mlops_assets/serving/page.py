"""The server's page: lists the operations of the OpenAPI document and tries them. It loads nothing from elsewhere."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Prediction server</title>
<style>
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } code, textarea, pre, input { font: 13px/1.4 ui-monospace, monospace }
input { width: 30rem; max-width: 100% } textarea { width: 100%; box-sizing: border-box }
details { border: 1px solid #8886; border-radius: 6px; margin: .5rem 0; padding: .4rem .8rem }
summary { cursor: pointer } .method { display: inline-block; width: 4rem; font-weight: 600 }
.roles { opacity: .7; font-size: 13px } pre { overflow: auto; max-height: 24rem; background: #8881; padding: .6rem; border-radius: 6px }
</style></head><body>
<h1>Prediction server</h1>
<p><label>API key <input id="key" type="password" autocomplete="off" placeholder="mlops_…"></label> <button id="load">Show</button></p>
<p id="said" role="status">Give a key that may see models; it stays in this page.</p>
<div id="operations"></div>
<script>
"use strict";
const at = id => document.getElementById(id);
const made = (name, text) => { const node = document.createElement(name); if (text) node.textContent = text; return node };
const headers = () => at("key").value ? {authorization: "Bearer " + at("key").value} : {};
function example(schema) {
  if (!schema) return {};
  if (schema.anyOf) return example(schema.anyOf[0]);
  if (schema.enum) return schema.enum[0];
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "object") return Object.fromEntries((schema.required || []).map(k => [k, example(schema.properties[k])]));
  if (type === "array") return [example(schema.items)];
  if (schema.format === "date-time") return "2026-01-31T12:00:00Z";
  if (schema.format === "date") return "2026-01-31";
  return {integer: 0, number: 0, boolean: false, string: ""}[type] ?? null;
}
function show(path, method, operation) {
  const box = made("details"), head = made("summary");
  head.append(Object.assign(made("span", method.toUpperCase()), {className: "method"}), made("code", path));
  const roles = operation["x-roles"].length ? "for " + operation["x-roles"].join(", ") : "for everybody";
  box.append(head, made("p", operation.summary), Object.assign(made("p", roles), {className: "roles"}));
  const where = made("input"); where.value = path; where.setAttribute("aria-label", "path"); box.append(where);
  const body = made("textarea"); body.setAttribute("aria-label", "body");
  if (operation.requestBody) {
    const schema = operation.requestBody.content["application/json"].schema;
    body.rows = 10; body.value = JSON.stringify(example(schema), null, 2); box.append(body);
  }
  const send = made("button", "Send"), out = made("pre"); out.hidden = true;
  send.onclick = async () => {
    const options = {method: method.toUpperCase(), headers: headers()};
    if (operation.requestBody) { options.body = body.value; options.headers["content-type"] = "application/json" }
    const begun = performance.now(), answer = await fetch(where.value, options), text = await answer.text();
    let shown = text; try { shown = JSON.stringify(JSON.parse(text), null, 2) } catch { /* not JSON */ }
    out.hidden = false; out.textContent = `${answer.status} in ${(performance.now() - begun).toFixed(1)} ms\\n${shown}`;
  };
  box.append(made("p"), send, out); at("operations").append(box);
}
at("load").onclick = async () => {
  const answer = await fetch("/openapi.json", {headers: headers()}), document_ = await answer.json();
  at("operations").replaceChildren();
  if (!answer.ok) { at("said").textContent = document_.error.message; return }
  at("said").textContent = "";
  for (const [path, methods] of Object.entries(document_.paths))
    for (const [method, operation] of Object.entries(methods)) if (path !== "/") show(path, method, operation);
};
</script></body></html>
""".encode()
