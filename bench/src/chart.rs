//! Figures as horizontal bars in SVG, with marks where the bar has its must and its aim; readable in light and dark.

use std::fmt::Write as _;

use crate::report::{Bar, Figure, Machine, Report, Unit, short};

/// Pixels.
const WIDTH: f64 = 960.0;
const ROW: f64 = 24.0;
const TOP: f64 = 40.0;
/// Room of the names before the bars, and of the numbers behind the longest one.
const NAMES: f64 = 440.0;
const NUMBERS: f64 = 80.0;
/// Height of a line of what is below.
const LINE: f64 = 16.0;

const STYLE: &str = "text { font: 13px system-ui, sans-serif; fill: #1f2328 } .small { font-size: 11px; fill: #59636e } \
    .title { font-weight: 600 } .bar { fill: #2f6feb } .mark { stroke: #1f2328; stroke-width: 2 } .aim { stroke-dasharray: 3 2 } \
    @media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .small { fill: #9198a1 } .bar { fill: #4493f8 } \
    .mark { stroke: #f0f6fc } }";

/// All figures of a part that are in this unit; `None` if there are none.
pub(crate) fn draw(report: &Report, part: &str, unit: Unit) -> Option<String> {
    let figures: Vec<&Figure> =
        report.figures.iter().filter(|figure| figure.part == part && figure.unit == unit).collect();
    let ends = |figure: &&Figure| figure.bar.map_or(figure.value, |Bar { must, .. }| figure.value.max(must));
    let longest = figures.iter().map(ends).filter(|end| end.is_finite()).reduce(f64::max)?;
    let scale = (WIDTH - NAMES - NUMBERS) / longest.max(f64::MIN_POSITIVE);
    let notes = notes(report);
    let rows = rows(&figures, scale);
    let (below, lines) = (TOP + ROW * count(figures.len()), count(notes.len()));
    let height = below + LINE * (lines + 1.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\">\n<style>{STYLE}</style>\n<text class=\"title\" x=\"8\" y=\"22\">{}: {}</text>\n{rows}",
        escaped(part),
        escaped(unit.text())
    );
    for (note, line) in notes.iter().zip(1_u32..) {
        let y = below + LINE * f64::from(line);
        writeln!(svg, "<text class=\"small\" x=\"8\" y=\"{y}\">{}</text>", escaped(note)).ok();
    }
    Some(svg + "</svg>\n")
}

fn rows(figures: &[&Figure], scale: f64) -> String {
    let mut svg = String::new();
    for (figure, number) in figures.iter().zip(0_u32..) {
        let y = TOP + ROW * f64::from(number);
        let (text, length) = (y + 14.0, (figure.value * scale).clamp(0.0, WIDTH));
        let end = NAMES + length + 6.0;
        writeln!(svg, "<text x=\"8\" y=\"{text}\">{}</text>", escaped(&figure.name)).ok();
        writeln!(svg, "<rect class=\"bar\" x=\"{NAMES}\" y=\"{y}\" width=\"{length:.1}\" height=\"18\"/>")
            .ok();
        let mut after = end;
        if let Some(Bar { must, aim, .. }) = figure.bar {
            for (at, class) in [(must, "mark"), (aim, "mark aim")] {
                let x = NAMES + at * scale;
                // An aim far beyond all that was measured has no room.
                if x <= WIDTH - 4.0 {
                    let foot = y + 20.0;
                    writeln!(svg, "<path class=\"{class}\" d=\"M{x:.1} {}V{foot}\"/>", y - 2.0).ok();
                    // The number stands clear of a mark.
                    if x > after - 6.0 && x < after + NUMBERS / 2.0 {
                        after = x + 6.0;
                    }
                }
            }
        }
        writeln!(svg, "<text x=\"{after:.1}\" y=\"{text}\">{}</text>", escaped(&short(figure.value))).ok();
    }
    svg
}

/// What the figures depend on.
fn notes(report: &Report) -> Vec<String> {
    let Machine { processor, cores, kernel, gtm } = &report.machine;
    let mut notes = vec![
        "Median of the rounds. Line: must; dashed line: aim.".to_owned(),
        format!("{}, gtm {gtm}, Linux {kernel}, {cores} cores, {processor}", report.date),
        report.command.clone(),
    ];
    if !report.servers.is_empty() {
        notes.push(report.servers.join("; "));
    }
    notes
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(0.0, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_values_and_marks_stand_at_the_bar() {
        let mut report = Report::new();
        let mut add = |part, value, bar| {
            let name = "a < b & c".to_owned();
            report.figures.push(Figure { part, name, value, best: None, unit: Unit::Ratio, bar });
        };
        add("veth", 44.0, Some(Bar::at_least(9, 11.0, 22.0)));
        add("veth", 22.0, None);
        add("program", 1000.0, None);
        let svg = draw(&report, "veth", Unit::Ratio).unwrap();
        // 440 pixels are for 44.
        for part in ["width=\"440.0\"", "width=\"220.0\"", "M550.0 ", "M660.0 ", "a &lt; b &amp; c", ">44.0<"]
        {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert_eq!(svg.matches("<rect").count(), 2, "{svg}");
        assert_eq!(draw(&report, "veth", Unit::Nanoseconds), None);
    }
}
