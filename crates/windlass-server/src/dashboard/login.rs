//! Signing in with an API key, and out again; looking at another namespace.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use windlass::{ApiKey, Queue};

use super::assets::{self, Links};
use super::forms::Form;
use super::page::{Viewer, see, theme, written};
use super::sessions::{end, set_cookie};
use super::text::encoded;
use super::{NAMESPACE_COOKIE, Place, is_encrypted, peer};
use crate::app::Shared;
use crate::auth::Peer;
use crate::endpoints::Permission;
use crate::problem::Problem;
use crate::request::header_text;
use crate::routes::Answer;

/// Where one gets to without having been anywhere.
const FIRST: &str = "/ui/";

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    root: String,
    links: Links,
    theme: &'static str,
    next: String,
    error: &'static str,
    /// Where to look again: a link on another site brings no cookie along.
    again: Option<String>,
}

/// Leads from the root of the server to the dashboard.
pub(super) async fn root(State(app): State<Shared>, request: Request) -> Answer {
    let place = Place::of(&app, request.extensions(), request.headers());
    see(&place.path("/ui/"))
}

/// Asks for a key, unless the browser has shown one, or none is needed.
pub(super) async fn ask(State(app): State<Shared>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let parameter = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let place = Place::of(&app, &parts.extensions, &parts.headers);
    let next = inside(&place, parameter("next").as_deref());
    if app.keys.identify(&app, &parts).await.is_ok() {
        return see(&place.path(&next));
    }
    let is_foreign = header_text(&parts.headers, "sec-fetch-site")? == Some("cross-site");
    let root = place.root();
    let again = format!("{root}/login?again=1&next={}", encoded(&next));
    written(&LoginPage {
        links: assets::links(),
        theme: theme(&parts.headers),
        error: "",
        again: (is_foreign && parameter("again").is_none()).then_some(again),
        root,
        next,
    })
}

/// Opens a session for a key that counts.
pub(super) async fn sign_in(State(app): State<Shared>, mut request: Request) -> Answer {
    let form: Form = request.extensions_mut().remove().unwrap_or_default();
    let (parts, _) = request.into_parts();
    let place = Place::of(&app, &parts.extensions, &parts.headers);
    let next = inside(&place, form.text("next"));
    let ip = app.proxies.client(Peer::of(&parts.extensions), &parts.headers);
    let text = form.text("key").unwrap_or_default();
    let checked = app.keys.check(&app, text, ip).await;
    let opened = match (&checked, ApiKey::parse(text)) {
        (Ok(_), Some(key)) => app.queue()?.open_session(&key).await?,
        _ => None,
    };
    let (caller, id) = match (checked, opened) {
        (Ok(caller), Some(id)) => (caller, id),
        (Err(problem), _) if !problem.is_unauthorized() => return Err(problem),
        _ => {
            let page = written(&LoginPage {
                root: place.root(),
                links: assets::links(),
                theme: theme(&parts.headers),
                next,
                error: "This key does not count here. It may be mistyped, revoked or expired.",
                again: None,
            })?;
            return Ok((StatusCode::UNAUTHORIZED, page).into_response());
        }
    };
    // Who stores jobs sees jobs, and not how everything stands.
    let is_first = next == FIRST;
    let next = match is_first && !Permission::View.allows(caller.role()) {
        true => "/ui/jobs".to_owned(),
        false => next,
    };
    // A session that somebody else may have planted ends here.
    end(&app, &parts.headers).await?;
    let is_secure = is_encrypted(&app, peer(&parts), &parts.headers);
    let response = see(&place.path(&next))?;
    with_cookie(response, &set_cookie(Some(&id), is_secure))
}

/// Ends the session.
pub(super) async fn sign_out(State(app): State<Shared>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    end(&app, &parts.headers).await?;
    let is_secure = is_encrypted(&app, peer(&parts), &parts.headers);
    let place = Place::of(&app, &parts.extensions, &parts.headers);
    let response = see(&place.path("/ui/login"))?;
    with_cookie(response, &set_cookie(None, is_secure))
}

/// Shows another namespace from now on.
pub(super) async fn namespace(viewer: Viewer, form: Form) -> Answer {
    let name = form.text("namespace").unwrap_or_else(|| viewer.queue.namespace());
    if !viewer.caller.allows_namespace(name) || !is_there(&viewer.queue, name).await? {
        return Err(Problem::not_found(format!("namespace `{name}` not found")));
    }
    let response = see(&format!("{}/?notice=namespace", viewer.root()))?;
    let cookie =
        format!("{NAMESPACE_COOKIE}={name}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict");
    with_cookie(response, &cookie)
}

async fn is_there(queue: &Queue, name: &str) -> Result<bool, Problem> {
    Ok(queue.namespaces("").await?.iter().any(|known| known == name))
}

/// A path of the dashboard, whatever was asked for: nobody is led away from here.
fn inside(place: &Place, wanted: Option<&str>) -> String {
    let wanted = wanted.map(|path| place.inside(path));
    let is_ours = |path: &&str| {
        path.starts_with("/ui/")
            && !path.starts_with("/ui/login")
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    wanted.filter(is_ours).unwrap_or(FIRST).to_owned()
}

fn with_cookie(mut response: Response, cookie: &str) -> Answer {
    let value = HeaderValue::from_str(cookie).map_err(|_| Problem::internal())?;
    response.headers_mut().append(header::SET_COOKIE, value);
    Ok(response)
}
