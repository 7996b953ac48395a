//! Which form of a chapter a reader gets, and why. Pure: no database, no request.

use hallpass_entity::level::Level;

use crate::domains::learners::Profile;

/// The form chosen, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Which of the forms given.
    pub index: usize,
    /// Why, in sentences for the reader.
    pub because: Vec<String>,
}

/// Of forms for these levels of software and hardware experience, the one that suits `reader` best:
/// nearest by level, then nearest by hardware; of two equally near, the easier one. None when there is no
/// form.
#[must_use]
pub fn select_variant(reader: &Profile, forms: &[(Level, Level)]) -> Option<Selection> {
    let wanted = target_level(reader);
    let (index, form) = forms.iter().enumerate().min_by_key(|(_, (level, hardware))| {
        (distance(*level, wanted), *level, distance(*hardware, reader.hardware), *hardware)
    })?;
    Some(Selection { index, because: reasons(reader, wanted, *form) })
}

/// The level that the reader's content level asks for.
fn target_level(reader: &Profile) -> Level {
    match reader.content_level() {
        "advanced-robotics" => Level::Advanced,
        "beginner-friendly" => Level::Beginner,
        _ => Level::Intermediate,
    }
}

fn distance(a: Level, b: Level) -> i16 {
    (a as i16 - b as i16).abs()
}

fn reasons(reader: &Profile, wanted: Level, (level, hardware): (Level, Level)) -> Vec<String> {
    let mut reasons = vec![format!(
        "You are {} in software and interested in {}: the {} text is for you.",
        name(reader.software),
        reader.interest,
        reader.content_level()
    )];
    if level != wanted {
        reasons.push(format!(
            "There is no {} form of this chapter; the {} one is nearest.",
            name(wanted),
            name(level)
        ));
    }
    reasons.push(if hardware == reader.hardware {
        format!(
            "It is written for readers who are {} in hardware, as you are.",
            name(hardware)
        )
    } else {
        format!(
            "At this level there is no form for readers who are {} in hardware; the {} one is nearest.",
            name(reader.hardware),
            name(hardware)
        )
    });
    reasons
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Beginner => "Beginner",
        Level::Intermediate => "Intermediate",
        Level::Advanced => "Advanced",
    }
}
