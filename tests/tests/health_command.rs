//! `mandate health`, as containers run it.

use mandate_tests::{Server, on_both_engines};

on_both_engines! {
    /// It succeeds while the server answers, and says what is wrong otherwise.
    async fn health_is_told_by_the_exit_code(mut server: Server) {
        let address = server.address().to_string();
        let ask = |server: &Server, service: &str| {
            let mut command = server.command("health");
            let output = command.args(["--address", &address, "--service", service]).output().expect("runs");
            let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            (output.status.success(), text)
        };
        assert_eq!(ask(&server, ""), (true, "SERVING\n".to_owned()));
        assert_eq!(ask(&server, "mandate.v1.AuthzService"), (true, "SERVING\n".to_owned()));
        let (healthy, text) = ask(&server, "mandate.v1.NoService");
        assert!(!healthy && text.contains("leave --service out"), "{text}");
        server.stop().await;
        let (healthy, text) = ask(&server, "");
        assert!(!healthy && text.contains("no server answers"), "{text}");
    }
}
