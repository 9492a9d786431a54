//! A server as its clients see it: health, reflection, and its end.

use tokio_stream::StreamExt;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
use tonic_reflection::pb::{v1, v1alpha};

use std::net::SocketAddr;

use super::*;

const NAME: &str = "deepface.v1.ClassifierService";

struct Running {
    health: Health,
    address: SocketAddr,
    channel: Channel,
    stop: tokio_util::sync::CancellationToken,
    server: tokio::task::JoinHandle<Result<(), ServeError>>,
}

async fn start() -> Running {
    let settings = ServeSettings {
        drain_seconds: 3,
        lame_duck_seconds: 0,
        ..Default::default()
    };
    start_with(settings).await
}

async fn start_with(settings: ServeSettings) -> Running {
    let listener = settings.bind(0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let health = Health::new(&[NAME]).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let (served, stopped) = (health.clone(), stop.clone());
    let server = tokio::spawn(async move {
        let shutdown = stopped.cancelled_owned();
        serve(listener, Routes::default(), &served, &settings, shutdown).await
    });
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"));
    let channel = endpoint.unwrap().connect().await.unwrap();
    Running {
        health,
        address,
        channel,
        stop,
        server,
    }
}

#[tokio::test]
async fn health_follows_the_service_and_watchers_do_not_delay_the_shutdown() {
    let s = start().await;
    let mut client = HealthClient::new(s.channel.clone());
    for service in ["", NAME] {
        let service = service.to_owned();
        let reply = client.check(HealthCheckRequest { service }).await.unwrap();
        assert_eq!(reply.get_ref().status(), ServingStatus::NotServing);
    }
    let short = Duration::from_millis(50);
    assert!(
        crate::wait_until_serving(s.address, NAME, short)
            .await
            .is_err()
    );
    s.health.set(true).await;
    let long = Duration::from_secs(10);
    crate::wait_until_serving(s.address, NAME, long)
        .await
        .unwrap();

    let service = NAME.to_owned();
    let watch = client.watch(HealthCheckRequest { service }).await.unwrap();
    let mut watch = watch.into_inner();
    let first = watch.next().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    let stopping = std::time::Instant::now();
    s.stop.cancel();
    let last = watch.next().await.unwrap().unwrap();
    assert_eq!(last.status(), ServingStatus::NotServing);
    let end = watch.next().await.unwrap().unwrap_err();
    assert_eq!(end.code(), Code::Unavailable);
    s.health.set(true).await;
    s.server.await.unwrap().unwrap();
    assert!(
        stopping.elapsed() < Duration::from_secs(2),
        "the watch delayed the shutdown"
    );
    assert!(tokio::net::TcpStream::connect(s.address).await.is_err());
}

#[tokio::test]
async fn reflection_lists_the_contract_in_both_versions() {
    let s = start().await;
    let request = v1::ServerReflectionRequest {
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
        ..Default::default()
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(s.channel.clone());
    let replies = client
        .server_reflection_info(tokio_stream::iter([request]))
        .await;
    let reply = replies.unwrap().into_inner().next().await.unwrap().unwrap();
    assert!(format!("{reply:?}").contains(NAME), "{reply:?}");
    assert!(format!("{reply:?}").contains("grpc.health.v1.Health"));
    assert!(
        !format!("{reply:?}").contains("GeneratorService"),
        "{reply:?}"
    );

    let request = v1alpha::ServerReflectionRequest {
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(NAME.into()),
        ),
        ..Default::default()
    };
    let mut client =
        v1alpha::server_reflection_client::ServerReflectionClient::new(s.channel.clone());
    let replies = client
        .server_reflection_info(tokio_stream::iter([request]))
        .await;
    let reply = replies.unwrap().into_inner().next().await.unwrap().unwrap();
    assert!(format!("{:?}", reply.message_response).contains("FileDescriptorResponse"));
}

#[tokio::test]
async fn health_turns_first_and_the_ports_close_later() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let checks = free.local_addr().unwrap();
    drop(free);
    let s = start_with(ServeSettings {
        lame_duck_seconds: 1,
        drain_seconds: 3,
        health_listen: Some(checks),
        ..Default::default()
    })
    .await;
    s.health.set(true).await;
    s.stop.cancel();
    tokio::time::sleep(Duration::from_millis(200)).await;
    for address in [s.address, checks] {
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"));
        let late = endpoint.unwrap().connect().await.unwrap();
        let service = NAME.to_owned();
        let mut late = HealthClient::new(late);
        let reply = late.check(HealthCheckRequest { service }).await.unwrap();
        assert_eq!(reply.get_ref().status(), ServingStatus::NotServing);
    }
    s.server.await.unwrap().unwrap();
    for address in [s.address, checks] {
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}

#[tokio::test]
async fn the_port_of_health_checks_has_nothing_else_and_its_watchers_do_not_delay_the_shutdown() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let checks = free.local_addr().unwrap();
    drop(free);
    let s = start_with(ServeSettings {
        lame_duck_seconds: 0,
        health_listen: Some(checks),
        ..Default::default()
    })
    .await;
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{checks}"));
    let channel = endpoint.unwrap().connect().await.unwrap();
    let mut reflection = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let refused = reflection.server_reflection_info(tokio_stream::empty());
    assert_eq!(refused.await.unwrap_err().code(), Code::Unimplemented);
    let mut client = HealthClient::new(channel);
    let service = NAME.to_owned();
    let watch = client.watch(HealthCheckRequest { service }).await.unwrap();
    let mut watch = watch.into_inner();
    for expected in [ServingStatus::NotServing, ServingStatus::Serving] {
        let state = watch.next().await.unwrap().unwrap();
        assert_eq!(state.status(), expected);
        s.health.set(true).await;
    }
    let stopping = std::time::Instant::now();
    s.stop.cancel();
    s.server.await.unwrap().unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn an_old_connection_takes_no_new_calls_and_its_streams_go_on() {
    let s = start_with(ServeSettings {
        max_connection_seconds: 1,
        lame_duck_seconds: 0,
        ..Default::default()
    })
    .await;
    let mut client = HealthClient::new(s.channel.clone());
    let service = NAME.to_owned();
    let watch = client.watch(HealthCheckRequest { service }).await.unwrap();
    let mut watch = watch.into_inner();
    watch.next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    // tonic's client notices only by a failed call that the connection takes no more of them.
    let check = || HealthCheckRequest {
        service: NAME.to_owned(),
    };
    let first = client.check(check()).await;
    assert!(first.is_err(), "the connection should be too old");
    client.check(check()).await.unwrap();
    // The stream of the first connection goes on.
    s.health.set(true).await;
    let state = watch.next().await.unwrap().unwrap();
    assert_eq!(state.status(), ServingStatus::Serving);
}

#[tokio::test]
async fn silent_and_idle_connections_give_way() {
    use tokio::io::AsyncReadExt;
    let s = start_with(ServeSettings {
        max_connections: 4,
        max_connections_per_address: Some(4),
        idle_seconds: 1,
        ..Default::default()
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(tokio::net::TcpStream::connect(s.address).await.unwrap());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut first = silent.swap_remove(0);
    // The server's first frames, and then the end.
    let closed = async { while matches!(first.read(&mut [0; 64]).await, Ok(1..)) {} };
    let closed = tokio::time::timeout(Duration::from_secs(2), closed).await;
    assert!(closed.is_ok(), "the oldest was not cut");
    // The server still serves, on a connection that it closes when it is idle.
    let service = NAME.to_owned();
    let mut client = HealthClient::new(s.channel.clone());
    client.check(HealthCheckRequest { service }).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let service = NAME.to_owned();
    client.check(HealthCheckRequest { service }).await.unwrap();
}

#[tokio::test]
async fn a_watch_of_an_unknown_name_says_so_in_the_stream() {
    let s = start().await;
    let service = "unknown".to_owned();
    let mut client = HealthClient::new(s.channel.clone());
    let watch = client.watch(HealthCheckRequest { service }).await.unwrap();
    let state = watch.into_inner().next().await.unwrap().unwrap();
    assert_eq!(state.status(), ServingStatus::ServiceUnknown);
}
