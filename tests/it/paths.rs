//! x
use crate::support::*;
#[test]
fn smoke() {
    let rig = Rig::standard();
    rig.control();
    rig.refuses(&get("/orders/1"), 401, "missing_token");
}
