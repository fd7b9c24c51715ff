//! Attacks on the border itself: what no safe code would hand over, and an allocator that lies.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::bindings::patchbay::adapter::settings;

/// Far outside of the memory that a guest gets.
const FAR: usize = 0xffff_0000;
const GIB: usize = 1 << 30;

#[link(wasm_import_module = "patchbay:adapter/log@0.1.0")]
unsafe extern "C" {
    #[link_name = "write"]
    fn log_write(level: i32, text: *const u8, bytes: usize);
}

#[link(wasm_import_module = "patchbay:adapter/kv@0.1.0")]
unsafe extern "C" {
    #[link_name = "commit"]
    fn kv_commit(changes: *const Change, count: usize, answer: *mut [u8; 64]);
}

#[link(wasm_import_module = "wasi:clocks/monotonic-clock@0.2.6")]
unsafe extern "C" {
    #[link_name = "subscribe-duration"]
    fn subscribe_duration(nanoseconds: u64) -> i32;
}

/// `change.delete` as it crosses the border.
#[repr(C)]
struct Change {
    case: u32,
    text: *const u8,
    bytes: usize,
    rest: [u32; 3],
}

/// Answers every allocation with this address while it is not 0.
struct Liar(AtomicUsize);

#[global_allocator]
static ALLOCATOR: Liar = Liar(AtomicUsize::new(0));

// SAFETY: it is not safe while it lies: that is the attack, and only on this guest's own memory.
unsafe impl GlobalAlloc for Liar {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.0.load(Ordering::Relaxed) {
            // SAFETY: the caller's promise, handed on.
            0 => unsafe { System.alloc(layout) },
            lie => std::ptr::without_provenance_mut(lie),
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if self.0.load(Ordering::Relaxed) == 0 {
            // SAFETY: the caller's promise, handed on.
            unsafe { System.dealloc(pointer, layout) }
        }
    }
}

pub(crate) fn run(name: &str) -> String {
    match name {
        "border-far-string" => far_string(),
        "border-far-answer" => far_answer(),
        "border-gigabyte" => gigabyte(),
        "border-liar" => liar(),
        "border-handles" => handles(),
        _ => "nothing".to_owned(),
    }
}

/// A string of 1 GiB that begins within the memory and ends far outside.
fn far_string() -> String {
    // SAFETY: the host must see that this is not there.
    unsafe { log_write(2, std::ptr::without_provenance(1024), GIB) };
    "taken".to_owned()
}

/// The same as the guest's own answer.
fn far_answer() -> String {
    // SAFETY: nothing reads it but the host, which must see that it is not there.
    unsafe { String::from_raw_parts(std::ptr::without_provenance_mut(FAR), GIB, GIB) }
}

/// 4 GiB of strings that are all the same one: small here, and large for whoever copies them.
fn gigabyte() -> String {
    let text = "x".repeat(1 << 20);
    let change = || Change { case: 1, text: text.as_ptr(), bytes: text.len(), rest: [0; 3] };
    let changes: Vec<Change> = (0..4096).map(|_| change()).collect();
    let mut answer = [0; 64];
    // SAFETY: the layout is the contract's, and the text lives on.
    unsafe { kv_commit(changes.as_ptr(), changes.len(), &raw mut answer) };
    "taken".to_owned()
}

/// Where the host asks for room for an answer, it is shown memory that is not there.
fn liar() -> String {
    ALLOCATOR.0.store(FAR, Ordering::Relaxed);
    let value = settings::get("shown");
    ALLOCATOR.0.store(0, Ordering::Relaxed);
    format!("{value:?}")
}

/// Handles to things of the host, and none is given back.
fn handles() -> String {
    for _ in 0..1_000_000 {
        // SAFETY: the signature is that of WASI 0.2.6.
        std::hint::black_box(unsafe { subscribe_duration(u64::MAX) });
    }
    "no limit".to_owned()
}
