#!/bin/sh
# SPDX-License-Identifier: MIT
#
# rust-vmm's crate vfio_user 0.1.7. Its server refuses a command that
# it does not know without reading the payload, and takes that for the next message:
# the 16 bytes of DEVICE_GET_REGION_IO_FDS get an answer of their own, to "command 0",
# and a longer payload puts it out of step for good. Its client does not look at the
# error bit of a reply: a DMA_MAP that the server refused is a success. A client or a
# server of another project has to know both.
#
# Fails if the crate does otherwise. Needs cargo and python3.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "step"
version = "0.1.0"
edition = "2021"
[dependencies]
vfio_user = "=0.1.7"
END
cat >src/main.rs <<'END'
use std::{fs::File, io::Error, path::Path};
use vfio_user::{Client, DmaMapFlags, DmaUnmapFlags, Server, ServerBackend};

struct Nothing;
impl ServerBackend for Nothing {
    fn region_read(&mut self, _: u32, _: u64, _: &mut [u8]) -> Result<(), Error> { Ok(()) }
    fn region_write(&mut self, _: u32, _: u64, _: &[u8]) -> Result<(), Error> { Ok(()) }
    fn dma_map(&mut self, _: DmaMapFlags, _: u64, _: u64, _: u64, _: Option<File>) -> Result<(), Error> { Ok(()) }
    fn dma_unmap(&mut self, _: DmaUnmapFlags, _: u64, _: u64) -> Result<(), Error> { Ok(()) }
    fn reset(&mut self) -> Result<(), Error> { Ok(()) }
    fn set_irqs(&mut self, _: u32, _: u32, _: u32, _: u32, _: Vec<File>) -> Result<(), Error> { Ok(()) }
}

fn main() {
    let path = std::env::args().nth(2).unwrap();
    if std::env::args().nth(1).unwrap() == "server" {
        let server = Server::new(Path::new(&path), true, vec![], vec![]).unwrap();
        server.run(&mut Nothing).unwrap();
    } else {
        let mut client = Client::new(Path::new(&path)).unwrap();
        println!("map: {}", client.dma_map(0, 0, 4096, 0).is_ok());
    }
}
END
cargo build -q
cat >peer.py <<'END'
import os, socket, struct, subprocess, sys, time

STEP = "target/debug/step"
VERSION = b'\0\0\0\0{"capabilities":{}}\0'


def message(command, payload, flags=0, error=0, number=7):
    return struct.pack("<HHIII", number, command, 16 + len(payload), flags, error) + payload


def receive(peer):
    """Number, command and flags of a message."""
    head = peer.recv(16, socket.MSG_WAITALL)
    number, command, size, flags, _ = struct.unpack("<HHIII", head)
    if size > 16:
        peer.recv(size - 16, socket.MSG_WAITALL)
    return number, command, flags


def server():
    process = subprocess.Popen([STEP, "server", "s"])
    while not os.path.exists("s"):
        time.sleep(0.01)
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(10)
    peer.connect("s")
    peer.sendall(message(1, VERSION))
    receive(peer)
    peer.sendall(message(6, struct.pack("<IIII", 16, 0, 0, 0)))
    got = [receive(peer), receive(peer)]
    peer.close()
    process.wait(10)
    return got


def client():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("c")
    listener.listen()
    process = subprocess.Popen([STEP, "client", "c"], stdout=subprocess.PIPE, text=True)
    peer = listener.accept()[0]
    for command, payload, flags, error in (
            (1, VERSION, 1, 0), (4, struct.pack("<IIII", 16, 2, 0, 0), 1, 0), (2, b"", 0x21, 22)):
        number, asked, _ = receive(peer)
        assert asked == command
        peer.sendall(message(command, payload, flags, error, number))
    return process.communicate(timeout=10)[0].strip()


replies, told = server(), client()
print("replies to one command 6:", replies)
print("client, of a DMA_MAP that was refused:", told)
sys.exit(0 if replies == [(7, 6, 0x21), (16, 0, 0x21)] and told == "map: true" else 1)
END
python3 peer.py
