//! Distances on Earth, which is a sphere here.

/// The mean radius of the Earth, in metres (IUGG).
pub(super) const RADIUS: f64 = 6_371_008.8;

/// The distance between two points over the surface, in metres, by the haversine formula. Points
/// are a latitude and a longitude in degrees.
pub(super) fn distance(from: [f64; 2], to: [f64; 2]) -> f64 {
    let half_chord = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
    let across = from[0].to_radians().cos() * to[0].to_radians().cos();
    let square = half_chord(from[0], to[0]) + across * half_chord(from[1], to[1]);
    2.0 * RADIUS * square.min(1.0).sqrt().asin()
}

/// The point of the sphere of radius 1 below a latitude and a longitude in degrees.
pub(super) fn unit_vector(point: [f64; 2]) -> [f64; 3] {
    let [(sin_latitude, latitude), (sin_longitude, longitude)] =
        point.map(|degrees| degrees.to_radians().sin_cos());
    [latitude * longitude, latitude * sin_longitude, sin_latitude]
}

/// The straight line through the sphere of radius 1 between two points that are `metres` apart over
/// the surface.
pub(super) fn chord(metres: f64) -> f64 {
    let half_angle = (metres / (2.0 * RADIUS)).min(std::f64::consts::FRAC_PI_2);
    2.0 * half_angle.sin()
}

/// The distance in metres over the surface between two points with this chord.
pub(super) fn metres(chord: f64) -> f64 {
    2.0 * RADIUS * (chord / 2.0).min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_hold_at_the_date_line_and_the_poles() {
        for (from, to, metres) in [
            ([0.0, 179.9], [0.0, -179.9], 22_239.0),
            ([89.9, 0.0], [89.9, 180.0], 22_239.0),
            ([-90.0, 12.0], [-90.0, -77.0], 0.0),
            ([0.0, 0.0], [0.0, 180.0], std::f64::consts::PI * RADIUS),
        ] {
            assert!((distance(from, to) - metres).abs() < 1.0, "{from:?} {to:?}");
            let [a, b] = [from, to].map(unit_vector);
            let straight = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!((straight - chord(metres)).abs() < 1e-6, "{from:?} {to:?}");
            assert!((super::metres(straight) - metres).abs() < 1.0, "{from:?} {to:?}");
        }
    }
}
