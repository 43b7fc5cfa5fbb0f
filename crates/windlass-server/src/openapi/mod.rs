//! The description of the API in `OpenAPI` 3.1, made of the list of endpoints, the words and bounds of the
//! library's types, and the members that its parsers take.
//!
//! Invariant: no route is missing, and the API's tests see no answer that does not fit.

mod operation;
mod pgqueue;
mod replies;
mod requests;
mod schema;
mod settings;
mod table;
mod workers;

use serde_json::{Map, Value, json};

use crate::endpoints::{ENDPOINTS, Permission};

/// Every status that a problem is described for.
const PROBLEMS: [u16; 13] = [400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 500, 503, 421];

/// The description of the API, as the server answers it at `/api/v1/openapi.json`.
///
/// Its version is that of this crate.
pub fn openapi() -> String {
    format!("{:#}\n", document())
}

fn document() -> Value {
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let (method, path) = (endpoint.method, endpoint.path);
        let Some(operation) = table::operation(method, path) else { continue };
        let mut written = operation.write(method, path, endpoint.summary);
        if endpoint.permission == Permission::Open {
            written["security"] = json!([]);
        }
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        methods[method.to_ascii_lowercase()] = written;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Windlass",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Durable background jobs. Errors are problems (RFC 9457) with a stable \
                            code; lists are paged by cursor; unknown members are refused.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" }
        },
        "servers": [{ "url": "/" }],
        "security": [{}, { "bearer": [] }, { "key": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "responses": problems(),
            "parameters": { "Namespace": {
                "name": "Windlass-Namespace",
                "in": "header",
                "description": "The namespace to work in; `default` unless given.",
                "schema": schema::name()
            } },
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "key": { "type": "apiKey", "in": "header", "name": "X-API-Key" }
            }
        }
    })
}

fn schemas() -> Value {
    let all = requests::schemas().into_iter().chain(replies::schemas());
    let all = all.chain(settings::schemas()).chain(workers::schemas()).chain(pgqueue::schemas());
    Value::Object(all.map(|(name, schema)| (name.to_owned(), schema)).collect())
}

fn problems() -> Value {
    let problem = |meaning: &str| {
        json!({
            "description": meaning,
            "content": { "application/problem+json": { "schema": schema::the("Problem") } }
        })
    };
    let mut all = Map::from_iter([("Problem".to_owned(), problem("Something went wrong."))]);
    let plain = json!({ "application/json": { "schema": schema::the("PgProblem") } });
    let plain = json!({ "description": "Something went wrong.", "content": plain });
    all.insert("PgProblem".to_owned(), plain);
    for status in PROBLEMS {
        let mut written = problem(operation::meaning(status));
        if [429, 503].contains(&status) {
            let seconds = json!({ "description": "Seconds.", "schema": schema::text() });
            written["headers"] = json!({ "Retry-After": seconds });
        }
        all.insert(format!("Problem{status}"), written);
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_endpoint_is_described() {
        for endpoint in ENDPOINTS {
            let (method, path) = (endpoint.method, endpoint.path);
            assert!(table::operation(method, path).is_some(), "{method} {path}");
        }
    }

    #[test]
    fn every_name_that_is_used_is_there() {
        let document = document();
        let text = document.to_string();

        for used in text.split("\"$ref\":\"#").skip(1) {
            let pointer = used.split('"').next().unwrap_or_default();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }

    #[test]
    fn ids_of_operations_are_unique() {
        let document = document();
        let mut ids = Vec::new();
        for path in document["paths"].as_object().unwrap().values() {
            let methods = path.as_object().unwrap().values();
            ids.extend(methods.map(|method| method["operationId"].as_str().unwrap().to_owned()));
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();

        assert_eq!(ids.len(), count);
    }

    #[test]
    fn the_committed_description_is_this_one() {
        let committed = include_str!("../../../../docs/openapi.json");

        assert!(committed == openapi(), "write it anew: windlass openapi > docs/openapi.json");
    }

    /// Members that the parsers of requests take stand in their source; each is described somewhere.
    #[test]
    fn every_member_that_a_parser_takes_is_described() {
        let sources = [
            include_str!("../../../windlass/src/protocol/batch.rs"),
            include_str!("../../../windlass/src/protocol/bundle_request.rs"),
            include_str!("../../../windlass/src/protocol/dependency_request.rs"),
            include_str!("../../../windlass/src/protocol/job_request.rs"),
            include_str!("../../../windlass/src/protocol/key_request.rs"),
            include_str!("../../../windlass/src/protocol/limit_request.rs"),
            include_str!("../../../windlass/src/protocol/operation_request.rs"),
            include_str!("../../../windlass/src/protocol/queue_request.rs"),
            include_str!("../../../windlass/src/protocol/requests.rs"),
            include_str!("../../../windlass/src/protocol/schedule_request.rs"),
            include_str!("../../../windlass/src/protocol/settle_request.rs"),
            include_str!("../../../windlass/src/protocol/unique_request.rs"),
            include_str!("../../../windlass/src/protocol/worker_request.rs"),
        ];
        let described = requests::schemas().into_iter().chain(workers::schemas());
        let described: BTreeMap<&str, Value> = described.collect();
        let described = serde_json::to_string(&described).unwrap();
        let takes = [".get(\"", ".object(\"", ".raw(\"", ".strings(\"", "change(object, \""];

        for source in sources {
            let code = source.split("#[cfg(test)]").next().unwrap_or_default();
            for take in takes {
                for found in code.split(take).skip(1) {
                    let name = found.split('"').next().unwrap_or_default();
                    let is_described = described.contains(&format!("\"{name}\":"));
                    assert!(is_described || name == "custom", "{name}");
                }
            }
        }
    }
}
