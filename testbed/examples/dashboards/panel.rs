//! Panels, as Grafana's JSON model has them.

use serde_json::{Value, json};

/// What a panel says about data that need not be there. The test that runs all queries knows these sentences.
pub(crate) const WHERE_MEASURED: &str = "Empty on machines that do not measure it.";
pub(crate) const WITH_TRACES: &str = "Empty while no traces are sampled.";

const COLOUR_GOOD: &str = "green";
const COLOUR_WARNING: &str = "orange";
const COLOUR_BAD: &str = "red";

/// The same colour for an architecture wherever it appears.
const ARCHITECTURES: [(&str, &str); 4] =
    [("amd64", "#3274D9"), ("arm64", "#FF780A"), ("arm", "#A352CC"), ("riscv64", "#37872D")];

/// The queries' data source, chosen at the top of each dashboard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Prometheus,
    Tempo,
    Loki,
}

impl Source {
    pub(crate) fn reference(self) -> Value {
        let (kind, uid) = match self {
            Self::Prometheus => ("prometheus", "${datasource}"),
            Self::Tempo => ("tempo", "${tempo}"),
            Self::Loki => ("loki", "${loki}"),
        };
        json!({ "type": kind, "uid": uid })
    }
}

/// One panel; where it stands is decided by its row.
pub(crate) struct Panel {
    json: Value,
    /// In columns; a dashboard has 24.
    pub(crate) width: u32,
    /// In Grafana's units of 30 pixels.
    pub(crate) height: u32,
}

impl Panel {
    fn new(kind: &str, title: &str, description: &str, options: Value) -> Self {
        let json = json!({
            "type": kind,
            "title": title,
            "description": description,
            "datasource": Source::Prometheus.reference(),
            "options": options,
            "fieldConfig": {
                "defaults": { "color": { "mode": "palette-classic" }, "custom": {}, "unit": "short" },
                "overrides": [],
            },
            "targets": [],
        });
        Self { json, width: 8, height: 8 }
    }

    /// Lines over time.
    pub(crate) fn lines(title: &str, description: &str) -> Self {
        let options = json!({
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
            "tooltip": { "mode": "multi", "sort": "desc" },
        });
        let mut panel = Self::new("timeseries", title, description, options);
        panel.json["fieldConfig"]["defaults"]["custom"] = json!({
            "drawStyle": "line",
            "fillOpacity": 8,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": false,
        });
        panel
    }

    /// One number with its course behind it.
    pub(crate) fn number(title: &str, description: &str) -> Self {
        let options = json!({
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "colorMode": "background",
            "graphMode": "area",
            "justifyMode": "center",
            "orientation": "auto",
            "textMode": "value_and_name",
        });
        let mut panel = Self::new("stat", title, description, options).limits(&[]);
        panel.json["fieldConfig"]["defaults"]["noValue"] = json!("none");
        panel
    }

    /// How a distribution moves.
    pub(crate) fn heat_map(title: &str, description: &str) -> Self {
        let options = json!({
            "calculate": false,
            "cellGap": 0,
            "color": { "mode": "scheme", "scheme": "Turbo", "steps": 64 },
            "filterValues": { "le": 1e-9 },
            "legend": { "show": true },
            "rowsFrame": { "layout": "auto" },
            "tooltip": { "mode": "single", "yHistogram": true },
            "yAxis": { "axisPlacement": "left", "unit": "s" },
        });
        Self::new("heatmap", title, description, options)
    }

    /// Which state each series was in, over time.
    pub(crate) fn states(title: &str, description: &str) -> Self {
        let options = json!({
            "alignValue": "left",
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false },
            "mergeValues": true,
            "rowHeight": 0.9,
            "showValue": "never",
            "tooltip": { "mode": "single", "sort": "none" },
        });
        Self::new("state-timeline", title, description, options).limits(&[])
    }

    /// One row for each value of `row`, one column for each value of `column`.
    pub(crate) fn matrix(title: &str, description: &str, row: &str, column: &str) -> Self {
        let options = json!({ "cellHeight": "sm", "showHeader": true, "footer": { "show": false } });
        let mut panel = Self::new("table", title, description, options);
        let fields = json!({ "rowField": row, "columnField": column, "valueField": "Value" });
        panel.json["transformations"] = json!([{ "id": "groupingToMatrix", "options": fields }]);
        panel
    }

    /// Markdown.
    pub(crate) fn text(content: &str) -> Self {
        let mut panel = Self::new("text", "", "", json!({ "mode": "markdown", "content": content }));
        panel.json["transparent"] = json!(true);
        for unused in ["targets", "datasource", "description", "fieldConfig"] {
            if let Some(fields) = panel.json.as_object_mut() {
                fields.remove(unused);
            }
        }
        panel
    }

    /// Traces that match a TraceQL expression.
    pub(crate) fn traces(title: &str, description: &str, expression: &str) -> Self {
        let options = json!({ "cellHeight": "sm", "showHeader": true, "footer": { "show": false } });
        let mut panel = Self::new("table", title, description, options);
        panel.json["datasource"] = Source::Tempo.reference();
        panel.json["targets"] = json!([{
            "refId": "A",
            "datasource": Source::Tempo.reference(),
            "queryType": "traceql",
            "query": expression,
            "limit": 20,
            "tableType": "traces",
        }]);
        panel
    }

    /// Log lines that match a LogQL expression.
    pub(crate) fn logs(title: &str, description: &str, expression: &str) -> Self {
        let options = json!({
            "dedupStrategy": "none",
            "enableLogDetails": true,
            "showTime": true,
            "sortOrder": "Descending",
            "wrapLogMessage": true,
        });
        let mut panel = Self::new("logs", title, description, options);
        panel.json["datasource"] = Source::Loki.reference();
        panel.json["targets"] = json!([{
            "refId": "A",
            "datasource": Source::Loki.reference(),
            "expr": expression,
            "queryType": "range",
            "maxLines": 200,
        }]);
        panel
    }

    /// Adds a query; an empty legend leaves the name to Grafana.
    pub(crate) fn query(mut self, expression: &str, legend: &str) -> Self {
        let is_heat_map = self.json["type"] == "heatmap";
        let is_table = self.json["type"] == "table";
        if let Some(targets) = self.json["targets"].as_array_mut() {
            let letter = char::from(b'A' + u8::try_from(targets.len()).unwrap_or(25));
            let format = match (is_heat_map, is_table) {
                (true, _) => "heatmap",
                (_, true) => "table",
                _ => "time_series",
            };
            targets.push(json!({
                "refId": letter.to_string(),
                "datasource": Source::Prometheus.reference(),
                "editorMode": "code",
                "expr": expression,
                "format": format,
                "instant": is_table,
                "range": !is_table,
                "legendFormat": if legend.is_empty() { "__auto" } else { legend },
            }));
        }
        self
    }

    /// Shows the exemplars of all its queries: points that lead to a trace.
    pub(crate) fn exemplars(mut self) -> Self {
        for target in self.json["targets"].as_array_mut().into_iter().flatten() {
            target["exemplar"] = json!(true);
        }
        self
    }

    /// A unit by Grafana's id: `s`, `bytes`, `eps` (events a second), `percentunit`, `hertz`, `celsius`.
    pub(crate) fn unit(mut self, unit: &str) -> Self {
        self.json["fieldConfig"]["defaults"]["unit"] = json!(unit);
        self
    }

    /// From which value on the panel warns, and from which on it is red; empty for always green.
    pub(crate) fn limits(mut self, limits: &[f64]) -> Self {
        let mut steps = vec![json!({ "color": COLOUR_GOOD, "value": null })];
        for (limit, colour) in limits.iter().zip([COLOUR_WARNING, COLOUR_BAD]) {
            steps.push(json!({ "color": colour, "value": limit }));
        }
        let defaults = &mut self.json["fieldConfig"]["defaults"];
        defaults["thresholds"] = json!({ "mode": "absolute", "steps": steps });
        if self.json["type"] != "timeseries" {
            self.json["fieldConfig"]["defaults"]["color"] = json!({ "mode": "thresholds" });
        } else if !limits.is_empty() {
            self.json["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"] = json!({ "mode": "dashed" });
        }
        self
    }

    /// Values below the first limit are bad, above the last good: the reverse of [`Panel::limits`].
    pub(crate) fn at_least(mut self, value: f64) -> Self {
        self.json["fieldConfig"]["defaults"]["thresholds"] = json!({
            "mode": "absolute",
            "steps": [{ "color": COLOUR_BAD, "value": null }, { "color": COLOUR_GOOD, "value": value }],
        });
        self
    }

    /// Only the number, without the name of its series.
    pub(crate) fn value_only(mut self) -> Self {
        self.json["options"]["textMode"] = json!("value");
        self
    }

    pub(crate) fn stacked(mut self) -> Self {
        self.json["fieldConfig"]["defaults"]["custom"]["stacking"] =
            json!({ "mode": "normal", "group": "A" });
        self
    }

    pub(crate) fn logarithmic(mut self) -> Self {
        self.json["fieldConfig"]["defaults"]["custom"]["scaleDistribution"] =
            json!({ "type": "log", "log": 10 });
        self
    }

    /// From 0 to `max`.
    pub(crate) fn up_to(mut self, max: f64) -> Self {
        self.json["fieldConfig"]["defaults"]["min"] = json!(0);
        self.json["fieldConfig"]["defaults"]["max"] = json!(max);
        self
    }

    /// Series whose names contain an architecture get its colour.
    pub(crate) fn architecture_colours(mut self) -> Self {
        let overrides = ARCHITECTURES.iter().map(|(name, colour)| {
            json!({
                "matcher": { "id": "byRegexp", "options": format!("(.*[ (])?{name}\\b.*") },
                "properties": [{ "id": "color", "value": { "mode": "fixed", "fixedColor": colour } }],
            })
        });
        self.json["fieldConfig"]["overrides"] = overrides.collect();
        self
    }

    /// Series whose name matches are dashed: limits.
    pub(crate) fn dashed(mut self, expression: &str) -> Self {
        if let Some(overrides) = self.json["fieldConfig"]["overrides"].as_array_mut() {
            overrides.push(json!({
                "matcher": { "id": "byRegexp", "options": expression },
                "properties": [
                    { "id": "custom.lineStyle", "value": { "fill": "dash", "dash": [8, 8] } },
                    { "id": "custom.fillOpacity", "value": 0 },
                ],
            }));
        }
        self
    }

    /// What the values 0 and 1 mean.
    pub(crate) fn words(mut self, zero: &str, one: &str) -> Self {
        self.json["fieldConfig"]["defaults"]["mappings"] = json!([{
            "type": "value",
            "options": { "0": { "text": zero, "index": 0 }, "1": { "text": one, "index": 1 } },
        }]);
        self
    }

    /// A link of every value to the spans that it may be about.
    pub(crate) fn trace_link(mut self, expression: &str) -> Self {
        let state = json!({
            "explore": {
                "datasource": "${tempo}",
                "queries": [{
                    "refId": "A",
                    "datasource": Source::Tempo.reference(),
                    "queryType": "traceql",
                    "query": expression,
                }],
                "range": { "from": "${__from}", "to": "${__to}" },
            },
        });
        let url = format!("/explore?schemaVersion=1&panes={state}");
        self.json["fieldConfig"]["defaults"]["links"] =
            json!([{ "title": "Traces of this time", "url": url, "targetBlank": true }]);
        self
    }

    pub(crate) fn size(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// The finished JSON of the panel at a place.
    pub(crate) fn at(mut self, id: u32, x: u32, y: u32) -> Value {
        self.json["id"] = json!(id);
        self.json["gridPos"] = json!({ "x": x, "y": y, "w": self.width, "h": self.height });
        self.json
    }
}
