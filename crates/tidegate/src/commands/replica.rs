//! What `pull`, `sync` and `verify` share: which org, which objects, where to.

use tidegate_client::Client;
use tidegate_destinations::DestinationUrl;

use super::describe::describe;
use crate::args::Replica;
use crate::config::Config;
use crate::failure::Failure;

/// An org and a destination, ready to work.
pub(super) struct Prepared {
    pub(super) client: Client,
    pub(super) url: DestinationUrl,
    /// API names as the org writes them.
    pub(super) objects: Vec<String>,
}

/// Reads the arguments, signs in, and checks that the objects exist, before anything is written.
pub(super) async fn prepare(config: &Config, args: &Replica) -> Result<Prepared, Failure> {
    let url: DestinationUrl = destination(config, args.to.as_deref())?.parse()?;
    let names = if args.objects.is_empty() { config.sync.objects.clone() } else { args.objects.clone() };
    if names.is_empty() {
        return Err(Failure::usage("no object is named")
            .hint("as in `tidegate sync Account Contact --to sqlite:crm.db`, or objects = [...] under [sync]"));
    }
    let client = config.connect(args.org.org.as_deref()).await?;
    let mut objects: Vec<String> = Vec::new();
    for name in names {
        let name = describe(&client, &name).await?.name;
        if !objects.contains(&name) {
            objects.push(name);
        }
    }
    Ok(Prepared { client, url, objects })
}

/// The destination that was named, or the configured one.
pub(super) fn destination(config: &Config, named: Option<&str>) -> Result<String, Failure> {
    named.map(str::to_owned).or_else(|| config.sync.to.clone()).ok_or_else(|| {
        Failure::usage("no destination is named")
            .hint("give --to sqlite:FILE or --to postgres://USER@HOST/DATABASE, or set `to` under [sync]")
    })
}
