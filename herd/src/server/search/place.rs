//! Distances on the Earth.

/// The mean radius of the Earth in kilometres.
const RADIUS: f64 = 6371.0088;

/// A place on the Earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// In radians, as the longitude.
    latitude: f64,
    longitude: f64,
    /// The cosine of the latitude.
    cosine: f64,
}

impl Place {
    /// A place by its latitude and longitude in degrees; `None` if that is not on the Earth.
    pub(super) fn new(latitude: f64, longitude: f64) -> Option<Place> {
        // Not a number is in no range.
        let is_on_earth = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        // Exact where one place has several names: at a pole, and where the longitude changes its
        // sign.
        let cosine = if latitude.abs() == 90.0 { 0.0 } else { latitude.to_radians().cos() };
        let longitude = if longitude == -180.0 { 180.0 } else { longitude };
        let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
        is_on_earth.then_some(Place { latitude, longitude, cosine })
    }

    /// The length of the great circle to another place, in kilometres.
    pub(super) fn km_to(self, other: Place) -> f64 {
        let half_sine = |from: f64, to: f64| ((to - from) / 2.0).sin().powi(2);
        let haversine = half_sine(self.latitude, other.latitude)
            + self.cosine * other.cosine * half_sine(self.longitude, other.longitude);
        2.0 * RADIUS * haversine.clamp(0.0, 1.0).sqrt().asin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn km(from: (f64, f64), to: (f64, f64)) -> f64 {
        Place::new(from.0, from.1).unwrap().km_to(Place::new(to.0, to.1).unwrap())
    }

    #[test]
    fn distances_are_those_of_great_circles() {
        let quarter = RADIUS * std::f64::consts::FRAC_PI_2;
        let degree = quarter / 90.0;
        for (from, to, expected) in [
            ((0.0, 0.0), (0.0, 0.0), 0.0),
            ((0.0, 0.0), (0.0, 90.0), quarter),
            ((0.0, 0.0), (0.0, 180.0), 2.0 * quarter),
            ((90.0, 17.0), (-90.0, -170.0), 2.0 * quarter),
            // At a pole, the longitude means nothing.
            ((90.0, 0.0), (90.0, 123.0), 0.0),
            ((89.0, 0.0), (89.0, 180.0), 2.0 * degree),
            // Across the meridian where the longitude changes its sign.
            ((0.0, 179.5), (0.0, -179.5), degree),
            ((0.0, 180.0), (0.0, -180.0), 0.0),
            // Los Angeles and Paris.
            ((34.05, -118.25), (48.857, 2.352), 9086.013),
        ] {
            let found = km(from, to);
            assert!((found - expected).abs() < 0.01, "{from:?} {to:?}: {found} instead of {expected}");
            assert!((km(to, from) - found).abs() < 1e-6);
        }
    }

    #[test]
    fn a_place_with_several_names_is_one() {
        for (from, to) in
            [((90.0, 0.0), (90.0, 123.0)), ((-90.0, 1.0), (-90.0, -1.0)), ((3.0, 180.0), (3.0, -180.0))]
        {
            assert_eq!(km(from, to), 0.0, "{from:?} {to:?}");
        }
    }
}
