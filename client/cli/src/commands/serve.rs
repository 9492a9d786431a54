//! `deepface serve`: both services in this process.

use std::net::SocketAddr;

use deepface_files::note;
use deepface_serve::ObserveSettings;

use crate::{
    args::{ServeArgs, ServiceArgs},
    pair::Pair,
    printer,
    ui::Ui,
    usage::Usage,
};

pub(crate) async fn run(services: &ServiceArgs, args: &ServeArgs) -> anyhow::Result<()> {
    if services.generator.is_some() || services.classifier.is_some() {
        let message =
            "serve starts both services; --generator and --classifier apply only to other commands";
        return Err(Usage(message.to_owned()).into());
    }
    deepface_serve::init_telemetry("info", &ObserveSettings::from_environment());
    // Installed before the model loads, so that an early Ctrl-C is not lost.
    let shutdown = deepface_serve::shutdown_signal()?;
    // Bound first: a service that has started should not end because of the page.
    let ui = match args.ui {
        Some(address) => Some(Ui::bind(address).await?),
        None => None,
    };
    let (pair, [classifier, generator]) = tokio::select! {
        pair = Pair::listening_on(args) => pair?,
        () = shutdown.cancelled() => return Ok(()),
    };
    // The services are of use even if the guide cannot be printed, as where the terminal has gone.
    let url = ui.as_ref().map(Ui::url);
    if let Err(error) = printer::print(&guide(classifier, generator, url.as_deref())) {
        note!("warning: {error}");
    }
    let page = async {
        match ui {
            Some(ui) => ui.serve([classifier, generator]).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        served = pair.serve_until(shutdown) => served,
        page = page => match page? {},
    }
}

/// What to try, ready to be copied.
fn guide(classifier: SocketAddr, generator: SocketAddr, ui: Option<&str>) -> String {
    let page = ui.map_or(String::new(), |url| format!("page        {url}\n"));
    format!(
        "\
classifier  http://{classifier}
generator   http://{generator}
{page}
With grpcurl:
  grpcurl -plaintext {classifier} list
  grpcurl -plaintext {generator} describe deepface.v1.GeneratorService
  grpcurl -plaintext {classifier} deepface.v1.ClassifierService/GetModel
  printf '{{\"images\":[{{\"encoded\":\"%s\",\"framing\":\"FRAMING_FACE\"}}]}}' \"$(base64 -w0 face.png)\" |
    grpcurl -plaintext -d @ {classifier} deepface.v1.ClassifierService/Classify
  grpcurl -plaintext -d '{{\"attributes\":[{{\"name\":\"Male\"}},{{\"name\":\"Smiling\"}}],\"stream\":{{\"lossesOnly\":true}}}}' \\
    {generator} deepface.v1.GeneratorService/Generate

With this program:
  deepface generate Male Smiling --generator http://{generator}
  deepface classify portrait.jpg --classifier http://{classifier}

Ctrl-C stops both.
"
    )
}
