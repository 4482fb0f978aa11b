//! Compiles the Pub/Sub API's messages. Needs no `protoc`: the compiler is a Rust library.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto/pubsub_api.proto");
    let descriptors = protox::compile(["proto/pubsub_api.proto"], ["proto"])?;
    // The client stub serves the emulator's own tests, which talk to the service over a socket.
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .bytes(".eventbus.v1.ProducerEvent.payload")
        .emit_rerun_if_changed(false)
        .compile_fds(descriptors)?;
    Ok(())
}
