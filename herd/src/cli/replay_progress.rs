//! Reports the progress of a long replay, so that operators and the service manager know that the
//! node will start.

use std::path::Path;
use std::time::Duration;

use herd::journal::Progress;
use tokio::time::sleep;
use tracing::info;

use super::service_manager::ServiceManager;

/// The time between two reports.
const EVERY: Duration = Duration::from_secs(1);

/// The time that each report gives the node until the next one.
const EXTENSION: Duration = Duration::from_secs(30);

/// Reports how much of the journal in `folder` has been read, each second, until this is dropped.
/// While nothing is read, because the disk hangs, there is nothing to report, and the service
/// manager's patience may end.
pub(super) async fn report_progress<T>(progress: &Progress, folder: &Path, manager: ServiceManager) -> T {
    let mut reported = 0;
    loop {
        sleep(EVERY).await;
        let bytes = progress.bytes();
        if bytes == reported {
            continue;
        }
        reported = bytes;
        info!(folder = %folder.display(), bytes, percent = progress.percent(), "replaying the journal");
        manager.starting(EXTENSION).await;
    }
}
