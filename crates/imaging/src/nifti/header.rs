//! The headers of NIfTI-1 (348 bytes, `nifti1.h`) and NIfTI-2 (540 bytes, `nifti2.h`).

/// Bytes of a NIfTI-1 header.
pub(super) const NIFTI_1_BYTES: usize = 348;
/// Bytes of a NIfTI-2 header.
pub(super) const NIFTI_2_BYTES: usize = 540;

/// What a NIfTI header says, both versions alike.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// 1 or 2.
    pub(crate) version: u8,
    /// Whether numbers are stored with their greatest byte first.
    pub(crate) big_endian: bool,
    /// Whether the voxels stand in the header's own file, after it.
    pub(crate) single_file: bool,
    /// Voxels along x, y and z.
    pub(crate) size: [usize; 3],
    /// Volumes along all further dimensions together.
    pub(crate) volumes: usize,
    /// How a voxel is stored.
    pub(crate) stored: Stored,
    /// Where in its file the first voxel stands.
    pub(super) voxel_offset: u64,
    /// What stored values are multiplied with and what is added; `None` leaves them as they are.
    pub(crate) rescale: Option<(f64, f64)>,
    /// Edges of a voxel, the first number the handedness of the qform.
    pub(super) pixdim: [f64; 4],
    /// The unit of length, time and more, in bits.
    pub(crate) units: u32,
    /// Above 0 where the rotation by quaternion holds.
    pub(super) qform_code: i32,
    /// Above 0 where the affine matrix holds.
    pub(super) sform_code: i32,
    /// The quaternion's b, c and d, then the place of the first voxel.
    pub(super) quaternion: [f64; 6],
    /// The rows of the affine matrix.
    pub(super) affine: [[f64; 4]; 3],
}

/// How a voxel is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Uint8,
    Int8,
    Uint16,
    Int16,
    Uint32,
    Int32,
    Uint64,
    Int64,
    Float32,
    Float64,
}

impl Stored {
    fn of(code: i32) -> Result<Self, String> {
        let refused = match code {
            2 => return Ok(Self::Uint8),
            4 => return Ok(Self::Int16),
            8 => return Ok(Self::Int32),
            16 => return Ok(Self::Float32),
            64 => return Ok(Self::Float64),
            256 => return Ok(Self::Int8),
            512 => return Ok(Self::Uint16),
            768 => return Ok(Self::Uint32),
            1024 => return Ok(Self::Int64),
            1280 => return Ok(Self::Uint64),
            1 => "single bits",
            32 => "complex numbers of 64 bits",
            128 => "RGB colors",
            1536 => "real numbers of 128 bits",
            1792 => "complex numbers of 128 bits",
            2048 => "complex numbers of 256 bits",
            2304 => "RGBA colors",
            _ => "values of an unknown kind",
        };
        Err(format!("holds {refused} (datatype {code}), expected whole or real numbers"))
    }

    /// Bytes of one voxel.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Uint8 | Self::Int8 => 1,
            Self::Uint16 | Self::Int16 => 2,
            Self::Uint32 | Self::Int32 | Self::Float32 => 4,
            Self::Uint64 | Self::Int64 | Self::Float64 => 8,
        }
    }

    /// The name of the type, as `nifti1.h` has it in lower case.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uint8 => "uint8",
            Self::Int8 => "int8",
            Self::Uint16 => "uint16",
            Self::Int16 => "int16",
            Self::Uint32 => "uint32",
            Self::Int32 => "int32",
            Self::Uint64 => "uint64",
            Self::Int64 => "int64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
        }
    }
}

/// The version that the start of a file announces, and its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    version: u8,
    big_endian: bool,
    single_file: bool,
}

impl Kind {
    /// Tells the kind from at least 348 bytes.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, String> {
        const NONE: &str = "is no NIfTI image: expected `n+1` or `ni1` at byte 344, or `n+2` or \
                            `ni2` at byte 4";
        let field = |start: usize| bytes.get(start..start + 4);
        let length = |big_endian| Numbers { bytes, big_endian }.i32(0);
        match (field(4), field(344)) {
            (Some(magic @ (b"n+2\0" | b"ni2\0")), _) => Ok(Self {
                version: 2,
                big_endian: length(true) == 540,
                single_file: magic[1] == b'+',
            }),
            (_, Some(magic @ (b"n+1\0" | b"ni1\0"))) => {
                // `nifti1.h`: the number of dimensions is from 1 to 7 in the right order alone.
                let dimensions = Numbers { bytes, big_endian: true }.i16(40);
                let big_endian = (1..=7).contains(&dimensions);
                Ok(Self { version: 1, big_endian, single_file: magic[1] == b'+' })
            }
            _ if [true, false].map(length).contains(&348) => Err(
                "is ANALYZE 7.5, which does not say where the patient's left is: convert it to \
                 NIfTI with the orientation known"
                    .to_owned(),
            ),
            _ => Err(NONE.to_owned()),
        }
    }

    /// Bytes of the whole header.
    pub(super) fn header_bytes(self) -> usize {
        if self.version == 2 { NIFTI_2_BYTES } else { NIFTI_1_BYTES }
    }
}

impl Header {
    /// Reads a header of the length that its kind has.
    pub(super) fn parse(kind: Kind, bytes: &[u8]) -> Result<Self, String> {
        let numbers = Numbers { bytes, big_endian: kind.big_endian };
        if kind.version == 2 { Self::second(kind, &numbers) } else { Self::first(kind, &numbers) }
    }

    fn first(kind: Kind, at: &Numbers) -> Result<Self, String> {
        let dim: [i64; 8] = std::array::from_fn(|axis| i64::from(at.i16(40 + 2 * axis)));
        let (size, volumes) = extents(&dim)?;
        let row = |start: usize| std::array::from_fn(|column| at.f32(start + 4 * column));
        Ok(Self {
            version: 1,
            big_endian: kind.big_endian,
            single_file: kind.single_file,
            size,
            volumes,
            stored: Stored::of(i32::from(at.i16(70)))?,
            voxel_offset: offset(kind, at.f32(108))?,
            rescale: rescale(at.f32(112), at.f32(116))?,
            pixdim: row(76),
            units: u32::from(at.bytes[123]),
            qform_code: i32::from(at.i16(252)),
            sform_code: i32::from(at.i16(254)),
            quaternion: std::array::from_fn(|place| at.f32(256 + 4 * place)),
            affine: [row(280), row(296), row(312)],
        })
    }

    fn second(kind: Kind, at: &Numbers) -> Result<Self, String> {
        let dim: [i64; 8] = std::array::from_fn(|axis| at.i64(16 + 8 * axis));
        let (size, volumes) = extents(&dim)?;
        let row = |start: usize| std::array::from_fn(|column| at.f64(start + 8 * column));
        Ok(Self {
            version: 2,
            big_endian: kind.big_endian,
            single_file: kind.single_file,
            size,
            volumes,
            stored: Stored::of(i32::from(at.i16(12)))?,
            voxel_offset: offset(kind, at.i64(168) as f64)?,
            rescale: rescale(at.f64(176), at.f64(184))?,
            pixdim: row(104),
            units: at.i32(500).cast_unsigned(),
            qform_code: at.i32(344),
            sform_code: at.i32(348),
            quaternion: std::array::from_fn(|place| at.f64(352 + 8 * place)),
            affine: [row(400), row(432), row(464)],
        })
    }

    /// Voxels of one volume; `None` beyond what a machine can count.
    pub(super) fn voxels(&self) -> Option<usize> {
        self.size.iter().try_fold(1_usize, |count, &length| count.checked_mul(length))
    }
}

/// Voxels along three axes, and volumes along all others.
fn extents(dim: &[i64; 8]) -> Result<([usize; 3], usize), String> {
    let axes = usize::try_from(dim[0]).ok().filter(|axes| (1..=7).contains(axes));
    let axes = axes.ok_or_else(|| format!("expected 1 to 7 dimensions, found {}", dim[0]))?;
    let mut lengths = [1; 7];
    for (length, &stated) in lengths.iter_mut().zip(&dim[1..=axes]) {
        *length = usize::try_from(stated).ok().filter(|&length| length >= 1).ok_or_else(|| {
            format!("expected one voxel or more along every axis, found {:?}", &dim[1..=axes])
        })?;
    }
    let volumes = lengths[3..].iter().try_fold(1_usize, |count, &length| count.checked_mul(length));
    let volumes =
        volumes.ok_or_else(|| format!("states too many volumes: {:?}", &dim[1..=axes]))?;
    Ok(([lengths[0], lengths[1], lengths[2]], volumes))
}

/// Where the voxels start. 0 in a single file is met and means right after the header.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1e12")]
fn offset(kind: Kind, stated: f64) -> Result<u64, String> {
    let least = match (kind.single_file, kind.version) {
        (false, _) => 0,
        (true, 1) => NIFTI_1_BYTES as u64 + 4,
        (true, _) => NIFTI_2_BYTES as u64 + 4,
    };
    match stated {
        0.0 => Ok(least),
        _ if (least as f64..=1e12).contains(&stated) => Ok(stated as u64),
        _ => Err(format!("the voxels must start at byte {least} or later, found {stated}")),
    }
}

/// Slope and intercept; a slope of 0 means none, as does one that is no number.
fn rescale(slope: f64, intercept: f64) -> Result<Option<(f64, f64)>, String> {
    if slope == 0.0 || !slope.is_finite() {
        return Ok(None);
    }
    if !intercept.is_finite() {
        return Err(format!("has the slope {slope} and an intercept that is no number"));
    }
    Ok(Some((slope, intercept)))
}

/// Numbers at places of a header that is long enough for them.
struct Numbers<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Numbers<'_> {
    fn at<const N: usize>(&self, start: usize) -> [u8; N] {
        let mut bytes: [u8; N] = self.bytes[start..start + N].try_into().expect("N bytes");
        if self.big_endian {
            bytes.reverse();
        }
        bytes
    }

    fn i16(&self, start: usize) -> i16 {
        i16::from_le_bytes(self.at(start))
    }

    fn i32(&self, start: usize) -> i32 {
        i32::from_le_bytes(self.at(start))
    }

    fn i64(&self, start: usize) -> i64 {
        i64::from_le_bytes(self.at(start))
    }

    fn f32(&self, start: usize) -> f64 {
        f64::from(f32::from_le_bytes(self.at(start)))
    }

    fn f64(&self, start: usize) -> f64 {
        f64::from_le_bytes(self.at(start))
    }
}
