//! The task that ends the waiting of answers when the backbone stores nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{error, info};

use crate::server::{BackboneState, TableAccess};

/// How long answers wait for the backbone.
const PATIENCE: Duration = Duration::from_secs(5);

/// The interval of looks at what waits.
const LOOK: Duration = Duration::from_millis(250);

/// Looks until the node stops. While the backbone fails, answers are given without it, or, if the
/// node is strict, not at all.
pub(super) async fn run(state: Arc<BackboneState>, access: TableAccess) {
    let look = async {
        loop {
            sleep(LOOK).await;
            let lag = state.lag();
            let fails = lag > PATIENCE;
            if !access.note_backbone_fails(fails) {
                continue;
            }
            if fails {
                let seconds = lag.as_secs_f64();
                error!(
                    seconds,
                    "the backbone stores nothing; answers do not wait for it until it works again"
                );
                access.warn("the backbone stores nothing, so answers do not wait for it");
            } else {
                info!("the backbone works again; answers wait for it");
            }
        }
    };
    access.closing().run_until_cancelled(look).await;
}
