//! stub
use super::*;
/// stub
#[derive(Debug)]
pub(crate) struct SimulatedFile;
impl SimulatedFile {
    pub(super) fn again(&self) -> Self {
        Self
    }
}
impl DiskFile for SimulatedFile {
    fn read_exact_at(&self, _: &mut [u8], _: u64) -> io::Result<()> {
        Ok(())
    }
    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Ok(())
    }
    fn length(&self) -> io::Result<u64> {
        Ok(0)
    }
    fn set_len(&self, _: u64) -> io::Result<()> {
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }
    fn try_lock(&self) -> Result<(), TryLockError> {
        Ok(())
    }
    fn try_lock_shared(&self) -> Result<(), TryLockError> {
        Ok(())
    }
}
