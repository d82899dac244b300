// netpol decides packets as kube-network-policies does on a node: pods, namespaces, policies and packets as JSON on standard
// input, whether each packet passes as JSON on standard output.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	_ "unsafe"

	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

type input struct {
	Pods       []v1.Pod                     `json:"pods"`
	Namespaces []v1.Namespace               `json:"namespaces"`
	Policies   []networkingv1.NetworkPolicy `json:"policies"`
	Packets    []struct {
		From     net.IP      `json:"from"`
		To       net.IP      `json:"to"`
		Port     int         `json:"port"`
		Protocol v1.Protocol `json:"protocol"`
	} `json:"packets"`
}

// packet has the layout of networkpolicy.packet of the pinned version.
type packet struct {
	id       uint32
	family   v1.IPFamily
	from, to net.IP
	protocol v1.Protocol
	fromPort int
	toPort   int
	payload  []byte
}

// evaluate is the decision itself; the package takes packets from the kernel only.
//
//go:linkname evaluate sigs.k8s.io/kube-network-policies/pkg/networkpolicy.(*Controller).evaluatePacket
func evaluate(*networkpolicy.Controller, context.Context, packet) bool

func fail(problem error) {
	fmt.Fprintln(os.Stderr, problem)
	os.Exit(1)
}

func main() {
	var given input
	if problem := json.NewDecoder(os.Stdin).Decode(&given); problem != nil {
		fail(problem)
	}
	client, problem := kubernetes.NewForConfig(&rest.Config{}) // never used: the stores are filled by hand
	if problem != nil {
		fail(problem)
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	policies, pods := factory.Networking().V1().NetworkPolicies(), factory.Core().V1().Pods()
	namespaces := factory.Core().V1().Namespaces()
	settings := networkpolicy.Config{NodeName: "node"}
	controller, problem := networkpolicy.NewController(client, policies, namespaces, pods, nil, nil, nil, nil, settings)
	if problem != nil {
		fail(problem)
	}
	for number := range given.Pods {
		pods.Informer().GetStore().Add(&given.Pods[number])
	}
	for number := range given.Namespaces {
		namespaces.Informer().GetStore().Add(&given.Namespaces[number])
	}
	for number := range given.Policies {
		policies.Informer().GetStore().Add(&given.Policies[number])
	}
	passed := make([]bool, 0, len(given.Packets))
	for _, asked := range given.Packets {
		family := v1.IPv4Protocol
		if asked.To.To4() == nil {
			family = v1.IPv6Protocol
		}
		made := packet{family: family, from: asked.From, to: asked.To, protocol: asked.Protocol, fromPort: 40000, toPort: asked.Port}
		passed = append(passed, evaluate(controller, context.Background(), made))
	}
	if problem := json.NewEncoder(os.Stdout).Encode(passed); problem != nil {
		fail(problem)
	}
}
