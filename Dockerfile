# syntax=docker/dockerfile:1
# A static program in an image without a shell or tools. It has only the program,
# certificates and the name of a user.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=unknown
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -tags nomsgpack -trimpath -buildvcs=false -ldflags "-s -w -X github.com/seed-90096f4d/sluice/cli.version=${VERSION}" -o /out/sluice . \
    && mkdir -p /out/etc/ssl/certs \
    && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
    && echo 'nobody:x:65534:65534:nobody:/:' > /out/etc/passwd

FROM scratch
COPY --from=build /out /
USER 65534:65534
# The network of a container restricts access to the server.
ENV SLUICE_LISTEN=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["/sluice"]
CMD ["serve"]
