//! Reduction to the screen: what more points would not make visible is not drawn.

use std::ops::Range;

/// How many dots are drawn of one figure, if it has few marks.
const MOST_DOTS: usize = 5000;

/// How many dots each of so many marks may have: all together not many more than one alone, and
/// each enough to be seen.
pub(super) fn each(marks: usize) -> usize {
    (MOST_DOTS / marks.max(1)).max(150)
}

/// The part of rising points that a range of x shows, with one more at each side so that lines lead
/// out of the picture.
pub(super) fn visible(points: &[[f64; 2]], [from, to]: [f64; 2]) -> Range<usize> {
    let start = points.partition_point(|point| point[0] < from).saturating_sub(1);
    let end = points.partition_point(|point| point[0] <= to);
    start..(end + 1).min(points.len()).max(start)
}

/// Of rising points, those that a line through all of them shows: the first, the lowest, the
/// highest and the last of each column of pixels. Positions come out in rising order.
pub(super) fn columns(
    points: &[[f64; 2]],
    range: Range<usize>,
    column_of: impl Fn(f64) -> i64,
    width: usize,
) -> Vec<usize> {
    if range.len() <= 4 * width.max(1) {
        return range.collect();
    }
    let mut kept = Vec::with_capacity(4 * width);
    let mut start = range.start;
    while start < range.end {
        let column = column_of(points[start][0]);
        let mut end = start + 1;
        let (mut low, mut high) = (start, start);
        while end < range.end && column_of(points[end][0]) == column {
            if points[end][1] < points[low][1] {
                low = end;
            }
            if points[end][1] > points[high][1] {
                high = end;
            }
            end += 1;
        }
        let mut column = [start, low.min(high), low.max(high), end - 1];
        column.sort_unstable();
        for at in column {
            if kept.last() != Some(&at) {
                kept.push(at);
            }
        }
        start = end;
    }
    kept
}

/// Of points on a screen of this size, one for each small square, the last: it is on top. Squares
/// grow until there are few enough.
pub(super) fn squares(places: &[[f32; 2]], [width, height]: [f32; 2], most: usize) -> Vec<usize> {
    let mut side = 2.0_f32;
    loop {
        let wide = (width / side).ceil().max(1.0) as usize;
        let high = (height / side).ceil().max(1.0) as usize;
        let mut top: Vec<u32> = vec![u32::MAX; wide * high];
        let mut taken = 0;
        for (at, &[x, y]) in places.iter().enumerate() {
            if !(0.0..width).contains(&x) || !(0.0..height).contains(&y) {
                continue;
            }
            let column = ((x / side) as usize).min(wide - 1);
            let row = ((y / side) as usize).min(high - 1);
            let square = &mut top[row * wide + column];
            taken += usize::from(*square == u32::MAX);
            *square = at as u32;
        }
        if taken <= most || side > 24.0 {
            let mut kept: Vec<usize> =
                top.into_iter().filter(|at| *at != u32::MAX).map(|at| at as usize).collect();
            kept.sort_unstable();
            return kept;
        }
        side *= 1.5;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_keeps_its_peaks() {
        let mut points: Vec<[f64; 2]> = (0..10_000).map(|i| [f64::from(i), 0.0]).collect();
        points[4321][1] = 7.0;
        points[4322][1] = -7.0;
        let kept = columns(&points, 0..points.len(), |x| (x / 100.0) as i64, 100);
        assert!(kept.len() <= 400);
        assert!(kept.contains(&4321) && kept.contains(&4322));
        assert_eq!((kept[0], kept[kept.len() - 1]), (0, 9_999));
    }

    #[test]
    fn what_is_visible_leads_out_of_the_picture() {
        let points: Vec<[f64; 2]> = (0..10).map(|i| [f64::from(i), 0.0]).collect();
        assert_eq!(visible(&points, [3.5, 6.5]), 3..8);
        assert_eq!(visible(&points, [-9.0, 99.0]), 0..10);
        assert_eq!(visible(&points, [20.0, 30.0]), 9..10);
        assert_eq!(visible(&[], [0.0, 1.0]), 0..0);
    }

    #[test]
    fn many_dots_become_few_and_none_leaves_its_square() {
        let place = |i: usize| [(i % 997) as f32, (i * 31 % 499) as f32];
        let many: Vec<[f32; 2]> = (0..200_000).map(place).collect();
        let kept = squares(&many, [1000.0, 500.0], MOST_DOTS);
        assert!((1000..=MOST_DOTS).contains(&kept.len()), "{}", kept.len());
        assert!(kept.is_sorted());
        let few = squares(&many[..50], [1000.0, 500.0], MOST_DOTS);
        let shared = squares(&many, [1000.0, 500.0], each(50));
        assert!((100..1000).contains(&shared.len()), "{}", shared.len());
        assert!(few.len() >= 45, "few dots are all kept: {}", few.len());
    }

    proptest! {
        #[test]
        fn reduced_lines_have_the_extremes_of_all(
            ys in prop::collection::vec(-100..100_i32, 1..3000), width in 1..50_usize
        ) {
            let points: Vec<[f64; 2]> =
                ys.iter().enumerate().map(|(i, y)| [i as f64, f64::from(*y)]).collect();
            let per = points.len() as f64 / width as f64;
            let kept = columns(&points, 0..points.len(), |x| (x / per) as i64, width);
            prop_assert!(kept.is_sorted() && kept.len() <= 4 * width.max(1) + 4);
            let most = |of: &mut dyn Iterator<Item = f64>| of.fold(f64::MIN, f64::max);
            let all = most(&mut points.iter().map(|p| p[1]));
            prop_assert_eq!(all, most(&mut kept.iter().map(|&i| points[i][1])));
        }
    }
}
