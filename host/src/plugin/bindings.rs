//! The generated bindings of everything the host knows how to call, and nothing else.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "host",
    imports: {
        "patchbay:adapter/http": async | trappable,
        "patchbay:adapter/kv": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
