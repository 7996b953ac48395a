//! Variant selection: which variant of a chapter a reader gets, and why. Pure functions, without I/O.

use hallpass_entity::level::Level;

use crate::domains::learners::{ContentLevel, Profile};

/// Selects the variant that matches `reader` best, of variants for these levels in software and hardware: nearest
/// by software level, then by hardware level; the easier of two equally near ones. Returns its index; none if there are
/// no variants.
#[must_use]
pub fn select_variant(reader: &Profile, variants: &[(Level, Level)]) -> Option<usize> {
    let wanted = target_level(reader);
    let nearest = variants.iter().enumerate().min_by_key(|(_, (level, hardware))| {
        (distance(*level, wanted), *level, distance(*hardware, reader.hardware), *hardware)
    });
    nearest.map(|(index, _)| index)
}

/// The software level of the reader's content level.
fn target_level(reader: &Profile) -> Level {
    match reader.content_level() {
        ContentLevel::AdvancedRobotics => Level::Advanced,
        ContentLevel::BeginnerFriendly => Level::Beginner,
        ContentLevel::Intermediate => Level::Intermediate,
    }
}

fn distance(a: Level, b: Level) -> i16 {
    (a as i16 - b as i16).abs()
}

/// Why the variant for these levels was selected, in sentences to show to the reader.
#[must_use]
pub fn reasons(reader: &Profile, (level, hardware): (Level, Level)) -> Vec<String> {
    let wanted = target_level(reader);
    // Do not report a level that the reader never stated.
    let mut reasons = vec![if reader.is_stated {
        format!(
            "This is the {} text, chosen for {} level in software and interest in {}.",
            reader.content_level().name(),
            name(reader.software),
            reader.interest
        )
    } else {
        format!(
            "This is the {} text, the default without a profile.",
            reader.content_level().name()
        )
    }];
    if level != wanted {
        reasons.push(format!(
            "This chapter has no {} variant. The {} variant is the nearest.",
            name(wanted),
            name(level)
        ));
    }
    let mut sentence = format!("It is written for {} level in hardware", name(hardware));
    if reader.is_stated && hardware != reader.hardware {
        sentence += &format!(", the nearest to {} level", name(reader.hardware));
    }
    reasons.push(sentence + ".");
    reasons
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Beginner => "Beginner",
        Level::Intermediate => "Intermediate",
        Level::Advanced => "Advanced",
    }
}
