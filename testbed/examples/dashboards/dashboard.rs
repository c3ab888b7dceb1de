//! A dashboard: rows of panels, variables, annotations, links to the other dashboards.

use serde_json::{Value, json};

use crate::panel::{Panel, Source};

const COLUMNS: u32 = 24;

/// The model that Grafana 12 writes; later versions migrate it when they load it.
const SCHEMA_VERSION: u32 = 41;

pub(crate) struct Dashboard {
    uid: &'static str,
    title: &'static str,
    description: &'static str,
    variables: Vec<Value>,
    annotations: Vec<Value>,
    panels: Vec<Value>,
    /// The next free line.
    y: u32,
}

impl Dashboard {
    pub(crate) fn new(uid: &'static str, title: &'static str, description: &'static str) -> Self {
        let variables = vec![
            source("datasource", "Metrics", "prometheus"),
            source("tempo", "Traces", "tempo"),
            source("loki", "Logs", "loki"),
        ];
        Self { uid, title, description, variables, annotations: Vec::new(), panels: Vec::new(), y: 0 }
    }

    /// A variable with the values of a label; every value by default.
    pub(crate) fn variable(self, name: &str, label: &str, metric: &str, label_of_metric: &str) -> Self {
        self.variable_of(name, label, &format!("label_values({metric}, {label_of_metric})"))
    }

    fn variable_of(mut self, name: &str, label: &str, definition: &str) -> Self {
        self.variables.push(json!({
            "type": "query",
            "name": name,
            "label": label,
            "datasource": Source::Prometheus.reference(),
            "definition": definition,
            "query": { "qryType": 1, "query": definition, "refId": "A" },
            "includeAll": true,
            "allValue": ".*",
            "multi": true,
            "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
            "refresh": 2,
            "sort": 1,
            "regex": "",
            "hide": 0,
            "options": [],
            "skipUrlSync": false,
        }));
        self
    }

    /// Marks the times at which a query gives values other than 0.
    pub(crate) fn annotation(mut self, name: &str, expression: &str, title: &str) -> Self {
        self.annotations.push(json!({
            "name": name,
            "datasource": Source::Prometheus.reference(),
            "enable": true,
            "hide": false,
            "iconColor": "rgba(115, 191, 105, 0.8)",
            "expr": expression,
            "step": "10s",
            "titleFormat": title,
            "textFormat": "",
            "tagKeys": "",
            "useValueForTime": false,
        }));
        self
    }

    /// A row with a title; panels stand beside each other as far as they fit.
    pub(crate) fn row(self, title: &str, panels: Vec<Panel>) -> Self {
        self.titled(title, false, panels)
    }

    /// A row that is folded until somebody opens it.
    pub(crate) fn folded_row(self, title: &str, panels: Vec<Panel>) -> Self {
        self.titled(title, true, panels)
    }

    fn titled(mut self, title: &str, is_folded: bool, panels: Vec<Panel>) -> Self {
        let head_at = self.panels.len();
        let mut head = json!({
            "type": "row",
            "id": self.next_id(head_at),
            "title": title,
            "collapsed": is_folded,
            "gridPos": { "x": 0, "y": self.y, "w": COLUMNS, "h": 1 },
            "panels": [],
        });
        self.panels.push(Value::Null);
        self.y += 1;
        let (mut x, mut height) = (0, 0);
        for panel in panels {
            if x + panel.width > COLUMNS {
                self.y += height;
                (x, height) = (0, 0);
            }
            let (width, id) = (panel.width, self.next_id(self.panels.len()));
            height = height.max(panel.height);
            self.panels.push(panel.at(id, x, self.y));
            x += width;
        }
        self.y += height;
        if is_folded {
            head["panels"] = self.panels.split_off(head_at + 1).into();
        }
        self.panels[head_at] = head;
        self
    }

    /// Panels in columns: each column is a width and its panels from top to bottom.
    pub(crate) fn columns(mut self, columns: Vec<(u32, Vec<Panel>)>) -> Self {
        let top = self.y;
        let mut x = 0;
        for (width, panels) in columns {
            let mut y = top;
            for mut panel in panels {
                panel.width = width;
                let (id, height) = (self.next_id(self.panels.len()), panel.height);
                self.panels.push(panel.at(id, x, y));
                y += height;
            }
            x += width;
            self.y = self.y.max(y);
        }
        assert!(x <= COLUMNS, "{} is too wide", self.title);
        self
    }

    /// Ids are unique also where panels are inside of a folded row.
    fn next_id(&self, index: usize) -> u32 {
        let inside = |panel: &Value| panel["panels"].as_array().map_or(0, Vec::len);
        let folded: usize = self.panels.iter().map(inside).sum();
        u32::try_from(index + folded + 1).unwrap_or(u32::MAX)
    }

    /// The name of the file, and the JSON.
    pub(crate) fn finish(self) -> (String, Value) {
        let json = json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["testbed"],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": true,
            "graphTooltip": 1,
            "refresh": "10s",
            "time": { "from": "now-15m", "to": "now" },
            "timepicker": {},
            "timezone": "browser",
            "weekStart": "",
            "fiscalYearStartMonth": 0,
            "liveNow": false,
            "links": [{
                "type": "dashboards",
                "title": "testbed",
                "tags": ["testbed"],
                "asDropdown": false,
                "includeVars": false,
                "keepTime": true,
                "targetBlank": false,
                "icon": "external link",
                "tooltip": "",
                "url": "",
            }],
            "templating": { "list": self.variables },
            "annotations": { "list": self.annotations },
            "panels": self.panels,
        });
        (format!("{}.json", self.uid), json)
    }
}

fn source(name: &str, label: &str, kind: &str) -> Value {
    json!({
        "type": "datasource",
        "name": name,
        "label": label,
        "query": kind,
        "current": {},
        "hide": 0,
        "includeAll": false,
        "multi": false,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": false,
    })
}
