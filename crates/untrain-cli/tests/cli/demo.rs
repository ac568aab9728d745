//! `demo`: it proves its point.

use serde_json::Value;

use crate::place::Place;

#[test]
fn the_demo_proves_its_point_and_can_be_repeated() {
    let place = Place::new();
    let report = place.json(&["demo"]);
    assert_eq!((&report["verification"]["equal"], &report["single"]["equal"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(report["before"]["records"], 32_561);
    assert_eq!(report["after"]["records"], 32_461);
    assert_ne!(report["before"]["person"], report["after"]["person"]);
    let out = place.done(&["demo"]);
    assert!(out.contains("Equal, byte for byte: the model is the one that never saw them.\n"), "{out}");
    assert!(out.contains("  untrain --store store verify income\n"), "{out}");
}
