//! The kernel's questions, answered from the [`Disk`](super::disk::Disk). Every write comes here at once: the kernel keeps copies for
//! reading, and holds nothing back.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::Shared;
use super::disk::{Change, Content, Disk, FileNode, FolderNode};

/// Nobody but the kernel changes anything, so it may remember what it was told.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// Blocks that are free, of 4 KiB each.
const FREE: u64 = 1 << 24;

/// See the module.
pub(super) struct Files(pub(super) Arc<Shared>);

fn attributes(disk: &mut Disk, number: u64) -> Result<FileAttr, Errno> {
    let node = disk.node(number)?;
    let (kind, bytes) = match &node.content {
        Content::File(file) => (FileType::RegularFile, file.now.len() as u64),
        Content::Folder(_) => (FileType::Directory, 0),
    };
    Ok(FileAttr {
        ino: INodeNo(number),
        size: bytes,
        blocks: bytes.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm: node.mode,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    })
}

impl Files {
    fn make(
        &self,
        parent: INodeNo,
        name: &OsStr,
        content: Content,
        mode: u32,
    ) -> Result<FileAttr, Errno> {
        let mut state = self.0.to_change()?;
        let made = state
            .disk
            .make(parent.0, name, content, (mode & 0o7777) as u16)?;
        attributes(&mut state.disk, made)
    }

    fn answer(reply: ReplyEmpty, done: Result<(), Errno>) {
        match done {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn answer_entry(reply: ReplyEntry, found: Result<FileAttr, Errno>) {
        match found {
            Ok(found) => reply.entry(&REMEMBERED, &found, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn answer_attributes(reply: ReplyAttr, found: Result<FileAttr, Errno>) {
        match found {
            Ok(found) => reply.attr(&REMEMBERED, &found),
            Err(error) => reply.error(error),
        }
    }

    fn sync(&self, node: INodeNo, reply: ReplyEmpty) {
        let synced = self.0.to_change();
        Self::answer(reply, synced.and_then(|mut state| state.disk.sync(node.0)));
    }
}

impl Filesystem for Files {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let disk = &mut self.0.lock().disk;
        let found = disk.find(parent.0, name);
        Self::answer_entry(reply, found.and_then(|found| attributes(disk, found)));
    }

    fn getattr(&self, _: &Request, node: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        Self::answer_attributes(reply, attributes(&mut self.0.lock().disk, node.0));
    }

    fn setattr(
        &self,
        _: &Request,
        node: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let done = self.0.to_change().and_then(|mut state| {
            if let Some(mode) = mode {
                state.disk.node(node.0)?.mode = (mode & 0o7777) as u16;
            }
            if let Some(size) = size {
                let change = Change::Length(size as usize);
                state.disk.file(node.0)?.change(change);
            }
            attributes(&mut state.disk, node.0)
        });
        Self::answer_attributes(reply, done);
    }

    fn mkdir(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let folder = Content::Folder(FolderNode::default());
        Self::answer_entry(reply, self.make(parent, name, folder, mode & !umask));
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let file = Content::File(FileNode::default());
        match self.make(parent, name, file, mode & !umask) {
            Ok(made) => reply.created(
                &REMEMBERED,
                &made,
                Generation(0),
                FileHandle(0),
                FopenFlags::empty(),
            ),
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let state = self.0.to_change();
        let done = state.and_then(|mut state| state.disk.remove(parent.0, name));
        Self::answer(reply, done);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done = self.0.to_change().and_then(|mut state| {
            let found = state.disk.find(parent.0, name)?;
            state.disk.refuse_unless_empty(found)?;
            state.disk.remove(parent.0, name)
        });
        Self::answer(reply, done);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        let done = self.0.to_change().and_then(|mut state| {
            let (from, to) = ((parent.0, name), (new_parent.0, new_name));
            state.disk.rename(from, to)
        });
        Self::answer(reply, done);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::empty());
    }

    fn read(
        &self,
        _: &Request,
        node: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.0.lock().disk.file(node.0) {
            Ok(file) => {
                let from = (offset as usize).min(file.now.len());
                let to = from.saturating_add(size as usize).min(file.now.len());
                reply.data(&file.now[from..to]);
            }
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        node: INodeNo,
        _: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let done = self.0.to_change().and_then(|mut state| {
            let (at, bytes) = (offset as usize, bytes.to_vec());
            let file = state.disk.file(node.0)?;
            file.change(Change::Write { at, bytes });
            Ok(())
        });
        match done {
            Ok(()) => reply.written(bytes.len() as u32),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, node: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(node, reply);
    }

    fn fsyncdir(&self, _: &Request, node: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(node, reply);
    }

    fn readdir(
        &self,
        _: &Request,
        node: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let disk = &mut self.0.lock().disk;
        let names = match disk.folder(node.0) {
            Ok(folder) => folder.now.clone(),
            Err(error) => return reply.error(error),
        };
        for (at, (name, number)) in names.into_iter().enumerate().skip(offset as usize) {
            let kind = attributes(disk, number).map_or(FileType::RegularFile, |found| found.kind);
            if reply.add(INodeNo(number), at as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(2 * FREE, FREE, FREE, 1 << 20, 1 << 20, 4096, 255, 4096);
    }
}
