//! The table as bars.

use anyhow::{Context, anyhow};
use plotters::backend::SVGBackend;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color, IntoFont, RGBColor, TextStyle, WHITE};

use super::rows::{RAW, Row};
use super::table::Table;
use super::work::{Unit, Way};
use crate::children::Server;

/// Draws, for the rows of throughput that all servers have, what each does of what the stack alone does. Returns
/// an SVG, or nothing if there is nothing to draw.
pub(super) fn draw(table: &Table) -> anyhow::Result<Option<String>> {
    let servers: Vec<_> = table
        .servers
        .iter()
        .filter(|server| **server != Server::Stack && server.speaks_sockjs())
        .collect();
    let mut groups = Vec::new();
    for measured in &table.rows {
        let Row { way, work, .. } = measured.row;
        if work.unit() != Unit::PerCpuSecond || *way != Way::Plain {
            continue;
        }
        let ratios = servers.iter().map(|server| table.ratio(measured, **server));
        let bars: Vec<_> = ratios
            .map(|ratio| ratio.map(|ratio| ratio.median))
            .collect();
        if bars.iter().any(Option::is_some) {
            groups.push((measured.row, bars));
        }
    }
    if groups.is_empty() {
        return Ok(None);
    }
    let mut svg = String::new();
    let plot = Plot::new(servers.len(), groups.len());
    let area = SVGBackend::with_string(&mut svg, plot.size()).into_drawing_area();
    area.fill(&WHITE).map_err(failed)?;
    plot.draw_frame(&area, &servers).context("cannot draw")?;
    for (index, (row, bars)) in groups.iter().enumerate() {
        plot.draw_group(&area, index, row, &servers, bars)
            .context("cannot draw")?;
    }
    area.present().map_err(failed)?;
    drop(area);
    Ok(Some(svg))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Where things are, in pixels.
#[derive(Clone, Copy, Debug)]
struct Plot {
    group_height: i32,
    groups: i32,
}

impl Plot {
    fn new(servers: usize, groups: usize) -> Self {
        Self {
            group_height: servers as i32 * BAR + GAP,
            groups: groups as i32,
        }
    }

    fn size(self) -> (u32, u32) {
        let height = TOP + self.groups * self.group_height + BOTTOM;
        ((LEFT + WIDTH + RIGHT) as u32, height as u32)
    }

    /// Draws title, legend and grid.
    fn draw_frame(self, area: &Area<'_>, servers: &[&Server]) -> anyhow::Result<()> {
        let title = "Messages a CPU second, of what the stack alone does";
        text(area, title, (LEFT, 18), 17, HPos::Left)?;
        for (index, server) in servers.iter().enumerate() {
            let left = LEFT + index as i32 * 170;
            bar(area, **server, (left, 38), (left + 12, 50))?;
            text(area, server.title(), (left + 18, 44), 13, HPos::Left)?;
        }
        let bottom = TOP + self.groups * self.group_height;
        for tenth in (0..=10).step_by(2) {
            let share = f64::from(tenth) / 10.0;
            let line = Rectangle::new([(x(share), TOP), (x(share) + 1, bottom)], GRID.filled());
            area.draw(&line).map_err(failed)?;
            text(
                area,
                &format!("{share:.1}"),
                (x(share), bottom + 14),
                12,
                HPos::Center,
            )?;
        }
        Ok(())
    }

    fn draw_group(
        self,
        area: &Area<'_>,
        index: usize,
        row: &Row,
        servers: &[&Server],
        bars: &[Option<f64>],
    ) -> anyhow::Result<()> {
        let top = TOP + index as i32 * self.group_height + GAP / 2;
        let middle = top + (self.group_height - GAP) / 2;
        let (title, remark) = row.title.split_once(", ").unwrap_or((row.title, ""));
        let title = match row.group {
            RAW => format!("raw websocket {title}"),
            _ => title.to_owned(),
        };
        let offset = if remark.is_empty() { 0 } else { 8 };
        text(area, &title, (LEFT - 10, middle - offset), 13, HPos::Right)?;
        text(area, remark, (LEFT - 10, middle + offset), 11, HPos::Right)?;
        for (index, (server, share)) in servers.iter().zip(bars).enumerate() {
            let Some(share) = *share else {
                continue;
            };
            let top = top + index as i32 * BAR;
            // More than the stack alone is chance, and would leave the picture.
            let end = (x(share.min(1.1)), top + BAR - 2);
            bar(area, **server, (LEFT, top), end)?;
            let label = (end.0 + 5, top + BAR / 2 - 1);
            text(area, &format!("{share:.2}"), label, 11, HPos::Left)?;
        }
        Ok(())
    }
}

fn bar(area: &Area<'_>, server: Server, from: (i32, i32), to: (i32, i32)) -> anyhow::Result<()> {
    let bar = Rectangle::new([from, to], colour(server).filled());
    area.draw(&bar).map_err(failed)
}

fn text(area: &Area<'_>, text: &str, at: (i32, i32), size: u32, align: HPos) -> anyhow::Result<()> {
    let style = TextStyle::from(("sans-serif", size).into_font()).color(&BLACK);
    let style = style.pos(Pos::new(align, VPos::Center));
    area.draw(&Text::new(text, at, style)).map_err(failed)
}

/// Errors of drawing are not `Send`, and there is no more in them than their text.
fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error}")
}

fn x(share: f64) -> i32 {
    LEFT + (share * f64::from(WIDTH) / 1.1) as i32
}

fn colour(server: Server) -> RGBColor {
    match server {
        Server::Ours => RGBColor(0xd9, 0x5f, 0x02),
        Server::Stack => RGBColor(0x99, 0x99, 0x99),
        Server::Node => RGBColor(0x4d, 0x8b, 0x55),
        Server::Python => RGBColor(0x4a, 0x74, 0xb8),
        Server::Ws | Server::Bun => RGBColor(0x77, 0x55, 0xaa),
    }
}

const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
const LEFT: i32 = 300;
const WIDTH: i32 = 480;
const RIGHT: i32 = 50;
const TOP: i32 = 66;
const BOTTOM: i32 = 28;
const BAR: i32 = 14;
const GAP: i32 = 18;
