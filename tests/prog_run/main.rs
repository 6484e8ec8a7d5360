//! The program on single frames with `BPF_PROG_TEST_RUN`: frame in, verdict and frame out, counters.

use gtm_userspace::config::Model;
use gtm_userspace::config::model::*;
use gtm_userspace::dataplane::Generation;
use gtm_userspace::decision::{Conditions, Decider};
use gtm_userspace::geo::*;
use std::collections::HashMap;

#[test]
fn loads() {
    let mut model = Model::default();
    model.service.listen = vec!["198.51.100.53:53".parse().unwrap()];
    model.sources.push(Source { name: "default".into(), ..Default::default() });
    model.pools.push(Pool {
        name: "p".into(),
        kind: PoolKind::Ipv4,
        enabled: true,
        addresses: vec![Address {
            target: Target::Ip("10.0.0.1".parse().unwrap()),
            ordinal: 1,
            mode: AddressMode::Auto,
            enabled: true,
            checks: vec![],
        }],
    });
    model.domains.push(AccessDomain {
        name: "www.example.com".parse().unwrap(),
        steered: SteeredType::A,
        ttl: 30,
        enabled: true,
        policy: PoolPolicy::NearestSource,
        pools: vec![PoolUse { pool: PoolId(0), ordinal: 1, sources: vec![SourceId(0)] }],
    });
    let partition = Partition {
        classes: vec![Class { matches: vec![SourceMatch { source: SourceId(0), by: MatchedBy::Default }] }],
        v4: vec![(0, ClassId(0))],
        v6: vec![(0, ClassId(0))],
    };
    let conditions = Conditions::all_up(&model);
    let listen = model.service.listen.clone();
    let decider = Decider::new(std::sync::Arc::new(model), &partition, conditions);
    let generation = Generation::load(&listen, decider.table()).unwrap_or_else(|e| {
        std::fs::write("/tmp/verifier.log", format!("{e:?}")).unwrap();
        panic!("{e}")
    });
    let _: HashMap<u8, u8> = HashMap::new();
    println!("{:?}", generation.counters());
}
