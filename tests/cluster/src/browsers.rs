//! The matrix of tests/e2e, through the round robin.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::process::Command;
use tokio::time::timeout;

use crate::site::{Node, Program, Site};

/// Returns the report.
pub(crate) async fn run(bin: &Path, e2e: &Path) -> Result<String> {
    let variable = |name: &str, value: &Path| (name.to_owned(), value.display().to_string());
    let site = Site::start(Program {
        path: bin.join("e2e-server"),
        env: vec![
            variable("PAGES", &e2e.join("page")),
            variable(
                "SOCKJS_CLIENT",
                &e2e.join("node_modules/sockjs-client/dist/sockjs.js"),
            ),
        ],
    })
    .await?;
    let mut command = Command::new("node");
    command
        .arg("main.mjs")
        .args(["--browser", "chromium", "--cluster"])
        .arg(site.port().to_string())
        .current_dir(e2e)
        .kill_on_drop(true);
    for node in site.nodes.iter().map(Node::port) {
        command.arg("--node").arg(node.to_string());
    }
    let output = timeout(Duration::from_secs(500), command.output()).await??;
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{}\n{report}{errors}",
        output.status
    );
    site.no_sessions().await?;
    Ok(report)
}
