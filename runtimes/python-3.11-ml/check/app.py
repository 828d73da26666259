"""Answers only when numpy, pandas and scikit-learn do their work."""
import http.server

import numpy
import pandas
import sklearn
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression


def facts():
    frame = pandas.DataFrame({"x": numpy.arange(30.0), "group": ["a", "b", "c"] * 10})
    assert frame.groupby("group").x.sum().tolist() == [135.0, 145.0, 155.0]
    slope = LinearRegression().fit(frame[["x"]], 2 * frame.x + 1).coef_[0]
    assert abs(slope - 2) < 1e-9
    points = numpy.repeat([[0.0, 0.0], [9.0, 9.0], [0.0, 9.0]], 10, axis=0)
    groups = len(set(KMeans(n_clusters=3, n_init=3, random_state=0).fit_predict(points)))
    return f"learned {groups} groups, numpy {numpy.__version__}, pandas {pandas.__version__}, sklearn {sklearn.__version__}\n"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = facts().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


print("listening")
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
